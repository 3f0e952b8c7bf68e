using System.Buffers.Binary;
using System.Numerics;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>The checksum of leader records and votes.</summary>
/// <remarks>
/// CRC-32C (reflected, polynomial 0x82F63B78), first register 0xFFFFFFFE, no final inversion. "123456789" gives 0xE8C7BB34.
/// Source: sanlock 3.8.5, crc32c.c and ondisk.c.
/// </remarks>
public static class LeaseCrc
{
    private const uint FirstRegister = 0xFFFFFFFE;

    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        var register = FirstRegister;
        while (bytes.Length >= sizeof(ulong))
        {
            register = BitOperations.Crc32C(register, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var one in bytes)
        {
            register = BitOperations.Crc32C(register, one);
        }

        return register;
    }
}
