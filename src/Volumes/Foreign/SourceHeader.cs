using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Foreign;

/// <summary>Is a file what it is declared to be, and a whole disk in itself? Read here, before a program that follows names opens it.</summary>
public static class SourceHeader
{
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async ValueTask<SourceCheck> ReadAsync(IImageArea area, DiskFormat format) => format switch
    {
        DiskFormat.Raw => area.SizeBytes > 0 ? new SourceCheck.Whole(area.SizeBytes) : new SourceCheck.Refused("it is empty"),
        DiskFormat.Qcow2 => await ReadQcow2Async(area),
        DiskFormat.Vpc => await VhdFooter.ReadAsync(area),
        DiskFormat.Vmdk => await VmdkHeader.ReadAsync(area),
        _ => throw new InvalidOperationException("a closed set of formats"),
    };

    static async ValueTask<SourceCheck> ReadQcow2Async(IImageArea area)
    {
        try
        {
            var image = await Qcow2Image.OpenAsync(area);
            image.CheckLayout();
            return image switch
            {
                { Extensions.BackingFile: { } below } => new SourceCheck.Refused($"it is only a part of a disk: the rest is in its backing file '{below}', whose name is not followed. Flatten it first ('qemu-img convert' where its files are)"),
                { Header.HasDataFile: true } => new SourceCheck.Refused($"its data is in another file{(image.Extensions.DataFile is { } data ? $", '{data}'" : "")}, whose name is not followed. Convert it first, where its files are"),
                { Header.Encryption: not Qcow2Encryption.None } => new SourceCheck.Refused("it is encrypted. Decrypt it first ('qemu-img convert' with its key)"),
                { Header.IsCorrupt: true } => new SourceCheck.Refused("it says itself that it is damaged. Look at it with 'qemu-img check'"),
                { Header.VirtualSizeBytes: 0 } => new SourceCheck.Refused("its disk has no bytes"),
                _ => new SourceCheck.Whole(image.Header.VirtualSizeBytes),
            };
        }
        catch (Qcow2Refused refused)
        {
            return new SourceCheck.Refused(refused.Message);
        }
    }
}

/// <summary>What the header of a file says. Exactly one of the two kinds.</summary>
public abstract record SourceCheck
{
    /// <summary>The file is a whole disk of the declared format.</summary>
    public sealed record Whole(long VirtualSizeBytes) : SourceCheck;

    /// <param name="Why">A clause about "it", and what to do where there is something.</param>
    public sealed record Refused(string Why) : SourceCheck;
}
