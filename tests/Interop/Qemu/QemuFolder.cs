namespace OvirtSpm.Interop.Qemu;

/// <summary>A folder of one test: sockets (whose paths must be short) and images. Gone with the test.</summary>
internal sealed class QemuFolder : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("spm-qemu-").FullName;

    public string this[string name] => Path.Combine(root, name);

    public void Dispose() => Directory.Delete(root, recursive: true);
}
