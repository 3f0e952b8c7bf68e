using System.Buffers.Binary;

namespace OvirtSpm.Simulation.Pool;

/// <summary>What a simulated data write contains: whose it is, which block, which version of it.</summary>
internal static class Stamp
{
    private const int Bytes = 40;

    private static ReadOnlySpan<byte> Magic => "SIMDATA\0"u8;

    public static byte[] Format(string volume, long block, ulong version, int sectorSize)
    {
        var sector = new byte[sectorSize];
        Magic.CopyTo(sector);
        Guid.Parse(volume).TryWriteBytes(sector.AsSpan(8));
        BinaryPrimitives.WriteInt64LittleEndian(sector.AsSpan(24), block);
        BinaryPrimitives.WriteUInt64LittleEndian(sector.AsSpan(32), version);
        return sector;
    }

    public static bool TryParse(ReadOnlySpan<byte> sector, out Guid volume, out long block, out ulong version)
    {
        (volume, block, version) = (default, 0, 0);
        if (sector.Length < Bytes || !sector.StartsWith(Magic))
        {
            return false;
        }

        volume = new Guid(sector.Slice(8, 16));
        block = BinaryPrimitives.ReadInt64LittleEndian(sector[24..]);
        version = BinaryPrimitives.ReadUInt64LittleEndian(sector[32..]);
        return true;
    }
}
