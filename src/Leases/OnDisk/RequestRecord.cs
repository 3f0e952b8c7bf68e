using System.Buffers.Binary;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>Sector 1 of a resource: somebody asks the owner to let go.</summary>
/// <remarks><code>0 u32 magic 0x08292011   4 u32 version 1.1   8 u64 lease version wanted   16 u32 mode (1 force, 2 graceful)</code>
/// No checksum. Source: sanlock 3.8.5, sanlock_admin.h and direct init.</remarks>
public readonly record struct RequestRecord(uint Version, ulong LeaseVersion, uint Mode)
{
    public const int SizeBytes = 20;
    public const uint CurrentVersion = 0x00010001;
    private const uint Magic = 0x08292011;

    public static RecordError TryParse(ReadOnlySpan<byte> sector, out RequestRecord request)
    {
        request = default;
        if (sector.Length < SizeBytes)
        {
            return RecordError.TooShort;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(sector) != Magic)
        {
            return RecordError.WrongMagic;
        }

        request = new RequestRecord(
            BinaryPrimitives.ReadUInt32LittleEndian(sector[4..]),
            BinaryPrimitives.ReadUInt64LittleEndian(sector[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(sector[16..]));
        return request.Version >> 16 == CurrentVersion >> 16 ? RecordError.None : RecordError.WrongVersion;
    }

    public void Format(Span<byte> sector)
    {
        sector.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(sector, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[4..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[8..], LeaseVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[16..], Mode);
    }
}
