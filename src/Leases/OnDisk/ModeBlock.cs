using System.Buffers.Binary;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>A host's shared hold of a resource, at byte 128 of its vote's sector.</summary>
/// <remarks><code>128 u32 flags (1 = shared)   132 u32 zero   136 u64 generation of the sharing host</code>
/// No checksum. Source: sanlock 3.8.5, mode_block.h.</remarks>
public readonly record struct ModeBlock(uint Flags, ulong Generation)
{
    public const int OffsetBytes = 128;
    public const int SizeBytes = 16;

    public bool IsShared => (Flags & 1) != 0;

    public static RecordError TryParse(ReadOnlySpan<byte> sector, out ModeBlock mode)
    {
        mode = default;
        if (sector.Length < OffsetBytes + SizeBytes)
        {
            return RecordError.TooShort;
        }

        mode = new ModeBlock(
            BinaryPrimitives.ReadUInt32LittleEndian(sector[OffsetBytes..]),
            BinaryPrimitives.ReadUInt64LittleEndian(sector[(OffsetBytes + 8)..]));
        return RecordError.None;
    }
}
