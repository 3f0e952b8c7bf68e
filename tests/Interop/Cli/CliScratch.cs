namespace OvirtSpm.Interop.Cli;

/// <summary>A folder that is gone with the test.</summary>
sealed class CliScratch : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("spm-files-").FullName;

    public string PathOf(string name) => Path.Combine(folder, name);

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
