using System.Buffers.Binary;
using System.Numerics;

namespace OvirtSpm.Volumes;

/// <summary>CRC-32C as iSCSI and ext4 use it: reflected 0x82F63B78, seed 0xFFFFFFFF, inverted at the end.</summary>
/// <remarks>Check value: "123456789" gives 0xE3069283. (The lease format's variant has another seed and is not this one.)</remarks>
public static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> data) => ~Continue(0xFFFFFFFF, data);

    /// <summary>The checksum of a record whose own four checksum bytes at <paramref name="hole"/> count as zero.</summary>
    public static uint OfRecord(ReadOnlySpan<byte> record, int hole)
    {
        var crc = Continue(0xFFFFFFFF, record[..hole]);
        crc = Continue(crc, stackalloc byte[sizeof(uint)]);
        return ~Continue(crc, record[(hole + sizeof(uint))..]);
    }

    private static uint Continue(uint crc, ReadOnlySpan<byte> data)
    {
        while (data.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }

        foreach (var value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }
}
