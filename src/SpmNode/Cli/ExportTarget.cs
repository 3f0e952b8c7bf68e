using OvirtSpm.Node.Activation.Images;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Cli;

/// <summary>A file that an export makes: under its own name only when it is whole.</summary>
sealed class ExportTarget : IDisposable
{
    const string Suffix = ".part";

    readonly string target;
    readonly bool replace;
    readonly ScratchDirectory directory;

    ExportTarget(string target, bool replace, ScratchDirectory directory) => (this.target, this.replace, this.directory) = (target, replace, directory);

    /// <summary>Where it is written, in a directory beside its place: <c>.NAME.….part</c>. A program that is killed leaves it to the next export of that name.</summary>
    public string Path => directory.At("disk");

    /// <exception cref="Refusal">Nothing may be written there; told before anything is read.</exception>
    public static ExportTarget At(string path, bool replace)
    {
        var target = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(target) || !Directory.Exists(System.IO.Path.GetDirectoryName(target)))
        {
            throw Refusal.Invalid($"{target} is no place for a file: {(Directory.Exists(target) ? "it is a directory" : "its directory does not exist")}.");
        }
        if (File.Exists(target) && !replace)
        {
            throw Refusal.Conflict($"{target} exists; --force replaces it once the export is whole.");
        }
        // A move would put a file in the place of a device's name, which is never what is meant.
        if (File.Exists(target) && ((File.GetAttributes(target) & FileAttributes.ReparsePoint) != 0 || !DeviceOpening.IsFile(target)))
        {
            throw Refusal.Conflict($"{target} is a device or a link, not a file; it is not replaced.");
        }
        var (place, prefix) = (System.IO.Path.GetDirectoryName(target)!, $".{System.IO.Path.GetFileName(target)}.");
        ScratchDirectory.RemoveLeftovers(place, prefix, Suffix);
        return new ExportTarget(target, replace, ScratchDirectory.Create(place, prefix, Suffix));
    }

    /// <returns>Where it is.</returns>
    public string Publish()
    {
        try
        {
            FileReplacement.Publish(Path, target, replace);
        }
        catch (IOException) when (!replace && File.Exists(target))
        {
            throw Refusal.Conflict($"{target} came there while the export ran; it stays as it is. Export again under another name, or with --force.");
        }
        return target;
    }

    public void Dispose() => directory.Dispose();
}
