using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What one host says of itself: how to reach it and what may be expected of it.</summary>
/// <remarks>
/// Little-endian, one sector, two copies written in turn; uuids as in RFC 9562, text UTF-8 padded with NUL.
/// <code>
///  0 u64 magic "SPMHOST\n"   8 u32 version 1    12 u32 CRC-32C of the sector
/// 16 u64 sequence number    24 u64 generation of the host id's lease
/// 32 16B pool uuid          48 16B machine id   64 16B boot id
/// 80 u16 host id   82 u8 watchdog kind   83 u8 zero   84 u16 watchdog timeout, s   86 u16 io timeout, s
/// 88 u8 name bytes   89 u8 url bytes   90 u8 build bytes   91 u8 preference   92 u8 flags (1 maintenance)   93..95 zero
/// 96 64B name   160 192B url   352 64B build   416.. zero
/// </code>
/// R28: used only if its generation is the lease's, see <see cref="HostRecordPair.Reading"/>. R19: the timeouts enter every wait.
/// </remarks>
/// <param name="Host">1 to 250.</param>
/// <param name="Generation">Tells incarnations of the host id apart.</param>
/// <param name="Sequence">Counts the records this host id has written.</param>
/// <param name="MachineId">The machine, whatever its name.</param>
/// <param name="BootId">Which start of the machine.</param>
/// <param name="Name">For people, at most 64 bytes.</param>
/// <param name="Url">Where its API answers, at most 192 bytes; empty for a host that answers nowhere.</param>
/// <param name="Build">Version of the program, at most 64 bytes.</param>
/// <param name="Preference">0 to 100: of two hosts that could be SPM, the one with more should be.</param>
/// <param name="Maintenance">It does not want to be SPM at all. Both are wishes, never a permission.</param>
public sealed record HostRecord(
    Guid Pool, int Host, ulong Generation, ulong Sequence, Guid MachineId, Guid BootId,
    string Name, string Url, string Build, WatchdogKind Watchdog, int WatchdogTimeoutSeconds, int IoTimeoutSeconds,
    int Preference = 0, bool Maintenance = false)
{
    public const ulong Magic = 0x0A54534F484D5053;
    public const uint Version = 1;
    public const int MostNameBytes = 64;
    public const int MostUrlBytes = 192;
    public const int MostBuildBytes = 64;
    public const int MostPreference = 100;

    private const byte MaintenanceFlag = 1;

    private const int NameOffset = 96;
    private const int UrlOffset = 160;
    private const int BuildOffset = 352;
    private const int EndOffset = 416;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>Why this cannot be written, for people; null when it can.</returns>
    public string? Problem() =>
        !SpmLayout.IsHost(Host) ? $"host id {Host} is not between 1 and {SpmLayout.Hosts}"
        : WatchdogTimeoutSeconds is < 0 or > ushort.MaxValue ? $"watchdog timeout {WatchdogTimeoutSeconds} s is not between 0 and {ushort.MaxValue}"
        : IoTimeoutSeconds is < 1 or > 255 ? $"io timeout {IoTimeoutSeconds} s is not between 1 and 255"
        : Preference is < 0 or > MostPreference ? $"preference {Preference} is not between 0 and {MostPreference}"
        : Name.Length == 0 ? "the node has no name; give it one"
        : ProblemOf("node name", Name, MostNameBytes) ?? ProblemOf("URL", Url, MostUrlBytes) ?? ProblemOf("build", Build, MostBuildBytes);

    /// <param name="sector">One sector, 512 or 4096 bytes.</param>
    /// <exception cref="InvalidOperationException">A value does not fit; ask <see cref="Problem"/> first.</exception>
    public void Format(Span<byte> sector)
    {
        if (Problem() is { } problem)
        {
            throw new InvalidOperationException(problem);
        }

        SectorSeal.Open(sector, Magic, Version);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[16..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[24..], Generation);
        SectorSeal.WriteUuid(sector, 32, Pool);
        SectorSeal.WriteUuid(sector, 48, MachineId);
        SectorSeal.WriteUuid(sector, 64, BootId);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[80..], (ushort)Host);
        sector[82] = (byte)Watchdog;
        BinaryPrimitives.WriteUInt16LittleEndian(sector[84..], (ushort)WatchdogTimeoutSeconds);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[86..], (ushort)IoTimeoutSeconds);
        sector[88] = (byte)Strict.GetBytes(Name, sector.Slice(NameOffset, MostNameBytes));
        sector[89] = (byte)Strict.GetBytes(Url, sector.Slice(UrlOffset, MostUrlBytes));
        sector[90] = (byte)Strict.GetBytes(Build, sector.Slice(BuildOffset, MostBuildBytes));
        sector[91] = (byte)Preference;
        sector[92] = Maintenance ? MaintenanceFlag : (byte)0;
        SectorSeal.Close(sector);
    }

    /// <param name="sector">One sector of the device.</param>
    /// <param name="pool">The superblock's pool uuid.</param>
    /// <param name="host">The host id whose sector was read.</param>
    /// <param name="record">Null unless the result is None.</param>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, Guid pool, int host, out HostRecord? record)
    {
        record = null;
        var error = SectorSeal.Check(sector, Magic, Version);
        if (error != RecordError.None)
        {
            return error;
        }

        if (SectorSeal.ReadUuid(sector, 32) != pool)
        {
            return RecordError.OtherPool;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(sector[80..]) != host)
        {
            return RecordError.OtherPlace;
        }

        if (!Enum.IsDefined((WatchdogKind)sector[82]) || sector[83] != 0 || (sector[92] & ~MaintenanceFlag) != 0 || !SectorSeal.IsZero(sector[93..96]) || !SectorSeal.IsZero(sector[EndOffset..])
            || !TryText(sector, NameOffset, sector[88], MostNameBytes, out var name)
            || !TryText(sector, UrlOffset, sector[89], MostUrlBytes, out var url)
            || !TryText(sector, BuildOffset, sector[90], MostBuildBytes, out var build))
        {
            return RecordError.BadField;
        }

        var parsed = new HostRecord(
            pool, host, BinaryPrimitives.ReadUInt64LittleEndian(sector[24..]), BinaryPrimitives.ReadUInt64LittleEndian(sector[16..]),
            SectorSeal.ReadUuid(sector, 48), SectorSeal.ReadUuid(sector, 64), name, url, build, (WatchdogKind)sector[82],
            BinaryPrimitives.ReadUInt16LittleEndian(sector[84..]), BinaryPrimitives.ReadUInt16LittleEndian(sector[86..]),
            sector[91], sector[92] == MaintenanceFlag);
        if (parsed.Problem() is not null)
        {
            return RecordError.BadField;
        }

        record = parsed;
        return RecordError.None;
    }

    private static string? ProblemOf(string what, string text, int most)
    {
        if (text.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
        {
            return $"the {what} has blanks or control characters; leave them out";
        }

        try
        {
            var bytes = Strict.GetByteCount(text);
            return bytes <= most ? null : $"the {what} is {bytes} bytes long, at most {most} fit; shorten it";
        }
        catch (EncoderFallbackException)
        {
            return $"the {what} is not text";
        }
    }

    private static bool TryText(ReadOnlySpan<byte> sector, int offset, int length, int most, out string text)
    {
        text = "";
        if (length > most || !SectorSeal.IsZero(sector[(offset + length)..(offset + most)]))
        {
            return false;
        }

        try
        {
            text = Strict.GetString(sector.Slice(offset, length));
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
