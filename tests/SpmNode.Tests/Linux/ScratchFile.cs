namespace OvirtSpm.Node.Tests.Linux;

/// <summary>A sparse file of its own directory, gone with the test.</summary>
internal sealed class ScratchFile : IDisposable
{
    readonly string directory = Directory.CreateTempSubdirectory("spm-test-").FullName;

    public ScratchFile(long sizeBytes)
    {
        Path = System.IO.Path.Combine(directory, "lun");
        using var file = File.Create(Path);
        file.SetLength(sizeBytes);
    }

    public string Path { get; }

    public string Beside(string name) => System.IO.Path.Combine(directory, name);

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
