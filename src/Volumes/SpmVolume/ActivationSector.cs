using System.Buffers.Binary;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>One sector of a host's activation map: two bits for each slot it covers. Each sector stands by itself.</summary>
/// <remarks>
/// Little-endian, one sector; uuids as in RFC 9562.
/// <code>
///  0 u64 magic "SPMACTV\n"    8 u32 version 1   12 u32 CRC-32C of the sector
/// 16 u64 sequence number     24 u64 generation of the host id's lease when it was written
/// 32 16B pool uuid           48 16B machine id  64 16B boot id
/// 80 u16 host id   82 u16 part   84 u32 first slot   88 u32 slots covered   92..127 zero
/// 128 two bits per slot, the first in the lowest bits: 0 inactive, 1 read-only, 2 read-write, 3 the SPM works on it or a host is about to write it; then zero
/// </code>
/// 512-byte sectors: part 0 covers slots 0..1023, part 1 covers 1024..2047. 4096-byte sectors: part 0 covers 0..2047.
/// Slots outside 1..1947 are always inactive. Values are immutable.
/// </remarks>
public sealed class ActivationSector
{
    public const ulong Magic = 0x0A565443414D5053;
    public const uint Version = 1;

    private const int BitsOffset = 128;
    private readonly byte[] _bits;
    private readonly int _sectorSize;

    private ActivationSector(int sectorSize, Guid pool, int host, int part, ulong sequence, ulong generation, MapOwner owner, byte[] bits)
    {
        (_sectorSize, Pool, Host, Part, Sequence, Generation, Owner, _bits) = (sectorSize, pool, host, part, sequence, generation, owner, bits);
    }

    public Guid Pool { get; }

    public int Host { get; }

    public int Part { get; }

    public ulong Sequence { get; }

    public ulong Generation { get; }

    public MapOwner Owner { get; }

    public int FirstSlot => Part * SlotsPerSector(_sectorSize);

    /// <summary>No volume is active according to this sector.</summary>
    public bool IsIdle => SectorSeal.IsZero(_bits);

    public static int SlotsPerSector(int sectorSize) => sectorSize == 512 ? 1024 : 2048;

    public static int PartOf(int slot, int sectorSize) => slot / SlotsPerSector(sectorSize);

    /// <summary>The map of a host id that nobody has used.</summary>
    public static ActivationSector Unused(int sectorSize, Guid pool, int host, int part) =>
        new(sectorSize, pool, host, part, 0, 0, MapOwner.Nobody, new byte[SlotsPerSector(sectorSize) / 4]);

    public ActivationMode ModeOf(int slot)
    {
        var index = IndexOf(slot);
        return (ActivationMode)(_bits[index / 4] >> (index % 4 * 2) & 3);
    }

    /// <summary>The slots that are active, ascending.</summary>
    public IEnumerable<(int Slot, ActivationMode Mode)> Active()
    {
        for (var at = 0; at < _bits.Length; at++)
        {
            // Whoever activates or deletes reads the sectors of all hosts, and nearly all of their bytes are zero.
            for (var i = at * 4; _bits[at] != 0 && i < (at + 1) * 4; i++)
            {
                if (ModeOf(FirstSlot + i) is var mode and not ActivationMode.Inactive)
                {
                    yield return (FirstSlot + i, mode);
                }
            }
        }
    }

    internal ActivationSector With(int slot, ActivationMode mode, MapOwner owner, ulong generation)
    {
        if (!SlotGeometry.IsSlot(slot) || !Enum.IsDefined(mode))
        {
            throw new ArgumentOutOfRangeException(nameof(slot), slot, $"no such slot, or no such mode ({mode})");
        }

        var index = IndexOf(slot);
        var bits = _bits.ToArray();
        bits[index / 4] = (byte)(bits[index / 4] & ~(3 << (index % 4 * 2)) | (int)mode << (index % 4 * 2));
        return new(_sectorSize, Pool, Host, Part, Sequence + 1, generation, owner, bits);
    }

    internal ActivationSector Cleared(MapOwner owner, ulong generation) =>
        new(_sectorSize, Pool, Host, Part, Sequence + 1, generation, owner, new byte[_bits.Length]);

    /// <param name="sector">One sector of the size this value was made for.</param>
    public void Format(Span<byte> sector)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sector.Length, _sectorSize);
        SectorSeal.Open(sector, Magic, Version);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[16..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[24..], Generation);
        SectorSeal.WriteUuid(sector, 32, Pool);
        SectorSeal.WriteUuid(sector, 48, Owner.MachineId);
        SectorSeal.WriteUuid(sector, 64, Owner.BootId);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[80..], (ushort)Host);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[82..], (ushort)Part);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[84..], (uint)FirstSlot);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[88..], (uint)SlotsPerSector(_sectorSize));
        _bits.CopyTo(sector[BitsOffset..]);
        SectorSeal.Close(sector);
    }

    /// <param name="sector">One sector of the device.</param>
    /// <param name="pool">The superblock's pool uuid.</param>
    /// <param name="host">The host id whose sector was read.</param>
    /// <param name="part">Which of its sectors.</param>
    /// <param name="parsed">Null unless the result is None.</param>
    /// <returns>R11: with anything but None, every slot of the part is in use. All zero is not a map: <see cref="RecordError.Empty"/>.</returns>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, Guid pool, int host, int part, out ActivationSector? parsed)
    {
        parsed = null;
        var error = SectorSeal.Check(sector, Magic, Version);
        if (error != RecordError.None)
        {
            return error;
        }

        if (SectorSeal.ReadUuid(sector, 32) != pool)
        {
            return RecordError.OtherPool;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(sector[80..]) != host || BinaryPrimitives.ReadUInt16LittleEndian(sector[82..]) != part)
        {
            return RecordError.OtherPlace;
        }

        var slots = SlotsPerSector(sector.Length);
        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[88..]) != slots || BinaryPrimitives.ReadUInt32LittleEndian(sector[84..]) != (uint)(part * slots))
        {
            return RecordError.OtherSectorSize;
        }

        var candidate = new ActivationSector(
            sector.Length, pool, host, part, BinaryPrimitives.ReadUInt64LittleEndian(sector[16..]), BinaryPrimitives.ReadUInt64LittleEndian(sector[24..]),
            new MapOwner(SectorSeal.ReadUuid(sector, 48), SectorSeal.ReadUuid(sector, 64)), sector.Slice(BitsOffset, slots / 4).ToArray());
        if (!SectorSeal.IsZero(sector[92..BitsOffset]) || !SectorSeal.IsZero(sector[(BitsOffset + slots / 4)..])
            || (!candidate.IsIdle && candidate.Active().Any(entry => !SlotGeometry.IsSlot(entry.Slot))))
        {
            return RecordError.BadField;
        }

        parsed = candidate;
        return RecordError.None;
    }

    private int IndexOf(int slot)
    {
        var index = slot - FirstSlot;
        return index >= 0 && index < _bits.Length * 4
            ? index
            : throw new ArgumentOutOfRangeException(nameof(slot), slot, $"part {Part} begins with slot {FirstSlot} and covers {_bits.Length * 4}");
    }
}
