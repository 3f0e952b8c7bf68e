namespace OvirtSpm.Node.Demo.Verification;

/// <summary>The LUN as a block device for tools that take nothing else.</summary>
sealed class VerificationDevice : IDisposable
{
    readonly LoopDevice? loop;

    VerificationDevice(string path, LoopDevice? loop) => (Path, this.loop) = (path, loop);

    public string Path { get; }

    /// <exception cref="UnauthorizedAccessException">This user or container may not make loop devices.</exception>
    public static VerificationDevice Open(string lun)
    {
        if ((File.GetAttributes(lun) & FileAttributes.Device) != 0)
        {
            return new(lun, null);
        }
        var loop = LoopDevice.Attach(lun, sectorSize: 512);
        return new(loop.Path, loop);
    }

    public void Dispose() => loop?.Dispose();
}
