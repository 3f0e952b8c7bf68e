namespace OvirtSpm.Node.Tests.Linux;

/// <summary>A loop device over a file, detached with the test.</summary>
internal sealed class LoopDevice : IDisposable
{
    public LoopDevice(ScratchFile file, int sectorSize)
    {
        Tool.Needs("losetup");
        Assert.SkipUnless(Environment.UserName == "root", "loop devices need root");
        var (code, output, errors) = Tool.Try("losetup", "--show", "--find", "--sector-size", $"{sectorSize}", file.Path);
        Assert.SkipUnless(code == 0, $"this machine gives no loop device: {errors.Trim()}");
        Path = output.Trim();
    }

    public string Path { get; }

    public void Dispose() => Tool.Try("losetup", "--detach", Path);
}
