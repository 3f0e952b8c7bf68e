using System.Buffers.Binary;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Foreign;

/// <summary>The footer of a VHD: fixed and dynamic disks are whole, a differencing one needs its parent.</summary>
/// <remarks>
/// Big-endian, 512 bytes at the end; a dynamic disk has a copy at its start.
/// <code>
///  0 "conectix"   48 u64 current size   60 u32 type (2 fixed, 3 dynamic, 4 differencing)
/// 64 u32 checksum: complement of the sum of all other bytes
/// </code>
/// Source: "Virtual Hard Disk Image Format Specification", Microsoft, 2006. QEMU takes a differencing disk for a dynamic one, and would
/// read zeros where the parent has data.
/// </remarks>
static class VhdFooter
{
    const int Bytes = 512;
    const uint Fixed = 2, Dynamic = 3, Differencing = 4;

    public static async ValueTask<SourceCheck> ReadAsync(IImageArea area)
    {
        if (area.SizeBytes < 2 * Bytes || area.SizeBytes % Bytes != 0)
        {
            return new SourceCheck.Refused($"its {area.SizeBytes} bytes are not whole sectors of {Bytes}, as a VHD has them: is it cut off?");
        }
        var (footer, start) = (new byte[Bytes], new byte[Bytes]);
        await area.ReadAsync(area.SizeBytes - Bytes, footer);
        await area.ReadAsync(0, start);
        if (!IsFooter(footer))
        {
            return new SourceCheck.Refused("it does not end with the footer of a VHD: it has another format, or is cut off");
        }
        var size = BinaryPrimitives.ReadInt64BigEndian(footer.AsSpan(48));
        return BinaryPrimitives.ReadUInt32BigEndian(footer.AsSpan(60)) switch
        {
            Differencing => new SourceCheck.Refused("it is a differencing disk: the rest is in its parent, whose name is not followed. Merge it first"),
            _ when size <= 0 => new SourceCheck.Refused($"its footer says {size} bytes"),
            Fixed when size > area.SizeBytes - Bytes => new SourceCheck.Refused($"it is cut off: its footer says {size} bytes, it has {area.SizeBytes - Bytes}"),
            // A reader that looks at the start first would believe what a guest wrote there.
            Fixed when start.AsSpan(0, 8).SequenceEqual("conectix"u8) => new SourceCheck.Refused("it is a fixed disk whose content begins like another VHD; import it as raw, without its last 512 bytes"),
            Fixed => new SourceCheck.Whole(size),
            Dynamic when !start.AsSpan().SequenceEqual(footer) => new SourceCheck.Refused("the copy of its footer at its start differs from the one at its end: it is cut off, or damaged"),
            Dynamic => new SourceCheck.Whole(size),
            var type => new SourceCheck.Refused($"its footer says type {type}, which is unknown"),
        };
    }

    static bool IsFooter(ReadOnlySpan<byte> sector)
    {
        var sum = 0u;
        for (var at = 0; at < sector.Length; at++)
        {
            sum += at is >= 64 and < 68 ? 0u : sector[at];
        }
        return sector[..8].SequenceEqual("conectix"u8) && BinaryPrimitives.ReadUInt32BigEndian(sector[64..]) == ~sum;
    }
}
