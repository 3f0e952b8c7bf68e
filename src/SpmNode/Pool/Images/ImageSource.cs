using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>A disk image outside the pool that a volume is to be filled from: a whole disk, of the format that was declared.</summary>
/// <param name="Name">For people: its path.</param>
/// <param name="File">What was looked at is what is read; its path is not opened again.</param>
sealed record ImageSource(string Name, DiskFormat Format, IImageFile File, long VirtualSizeBytes) : IDisposable
{
    /// <exception cref="Refusal">It is not what it was declared to be, or not a whole disk.</exception>
    public static async Task<ImageSource> OpenAsync(string name, DiskFormat format, IImageFile file) => await SourceHeader.ReadAsync(file, format) switch
    {
        SourceCheck.Whole whole => new ImageSource(name, format, file, whole.VirtualSizeBytes),
        SourceCheck.Refused refused => throw Refusal.Conflict($"{name} is not taken as {Word(format)}: {refused.Why}. The format is declared, never guessed; nothing was written."),
        _ => throw new InvalidOperationException("a closed set of checks"),
    };

    public static string Word(DiskFormat format) => format.ToString().ToLowerInvariant();

    public void Dispose() => File.Dispose();
}
