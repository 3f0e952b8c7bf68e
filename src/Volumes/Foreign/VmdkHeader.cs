using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Foreign;

/// <summary>The header of a VMDK that is one file: sparse, with its descriptor inside.</summary>
/// <remarks>
/// Little-endian.
/// <code>
///  0 "KDMV"   4 u32 version (1…3)   12 u64 capacity, sectors   28 u64 descriptor, sector   36 u64 its sectors
/// </code>
/// A capacity of 0 says that the disk is what the descriptor names: other files. QEMU looks for a parent's name at 512, wherever the
/// header puts the descriptor; so it has to be there. Source: "Virtual Disk Format 5.0", VMware, 2011.
/// </remarks>
static partial class VmdkHeader
{
    const int HeaderBytes = 512, DescriptorOffset = 512, LongestDescriptor = 20 * 512;

    public static async ValueTask<SourceCheck> ReadAsync(IImageArea area)
    {
        var bytes = new byte[Math.Min(area.SizeBytes, DescriptorOffset + LongestDescriptor)];
        await area.ReadAsync(0, bytes);
        if (bytes.AsSpan().StartsWith("# Disk DescriptorFile"u8))
        {
            return new SourceCheck.Refused("it is only the description of a VMDK: the disk is in other files, whose names are not followed. Make one file of it first (monolithicSparse or streamOptimized)");
        }
        if (bytes.Length < HeaderBytes || !bytes.AsSpan(0, 4).SequenceEqual("KDMV"u8))
        {
            return new SourceCheck.Refused("it does not begin as a VMDK in one file does");
        }
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4));
        var sectors = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(12));
        if (version is < 1 or > 3)
        {
            return new SourceCheck.Refused($"its version {version} is unknown");
        }
        if (sectors is <= 0 or > long.MaxValue / 512)
        {
            return new SourceCheck.Refused($"its header says {sectors} sectors: the disk is in other files, whose names are not followed, or it is damaged");
        }
        if (BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(28)) != DescriptorOffset / 512)
        {
            return new SourceCheck.Refused("its description is not inside it, behind the header");
        }
        return Describes(Encoding.Latin1.GetString(bytes, DescriptorOffset, bytes.Length - DescriptorOffset).Split('\0')[0]) is { } why
            ? new SourceCheck.Refused(why)
            : new SourceCheck.Whole(sectors * 512);
    }

    /// <returns>What is wrong with it; null for a whole disk in this one file.</returns>
    static string? Describes(string descriptor)
    {
        var kinds = Kind().Matches(descriptor);
        if (kinds is not [{ Groups: [_, { Value: "monolithicSparse" or "streamOptimized" }] }])
        {
            return $"it is a VMDK of the kind {(kinds is [var kind, ..] ? $"'{kind.Groups[1].Value}'" : "that is not said")}; only monolithicSparse and streamOptimized are one file";
        }
        // Any mention of a parent: QEMU finds the words wherever they stand.
        if (descriptor.Contains("parentFileNameHint", StringComparison.OrdinalIgnoreCase) || !Parentless().IsMatch(descriptor))
        {
            return "it is only a part of a disk: the rest is in its parent, whose name is not followed. Consolidate it first";
        }
        return Extents().Matches(descriptor) is [{ Groups: [_, { Value: "SPARSE" }] }]
            ? null
            : "its description names more, or other, than this one file";
    }

    [GeneratedRegex(@"^\s*createType\s*=\s*""([^""]*)""", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Kind();

    [GeneratedRegex(@"^\s*parentCID\s*=\s*ffffffff\s*$", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Parentless();

    [GeneratedRegex(@"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)\b", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Extents();
}
