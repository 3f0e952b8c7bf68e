namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What may be concluded from a host's two records and its lease.</summary>
public abstract record HostRecordReading
{
    private HostRecordReading()
    {
    }

    /// <summary>The record of the incarnation that holds the lease.</summary>
    public sealed record Usable(HostRecord Record) : HostRecordReading;

    /// <summary>A record of another incarnation: its address and timeouts say nothing of the one that holds the lease.</summary>
    public sealed record OtherIncarnation(HostRecord Record, ulong LeaseGeneration) : HostRecordReading;

    /// <summary>This host id never wrote one. If its lease is live, it is somebody else's program (R23).</summary>
    public sealed record Absent : HostRecordReading;

    /// <summary>There is something, and neither copy is believed.</summary>
    public sealed record Unreadable(RecordError First, RecordError Second) : HostRecordReading;
}

/// <summary>Both copies of one host's record.</summary>
/// <remarks>
/// They are written in turn, so a crash in the middle of a write leaves the other one, whole. Only the host itself writes them.
/// </remarks>
public sealed record HostRecordPair(int Host, HostRecord? First, RecordError FirstError, HostRecord? Second, RecordError SecondError)
{
    /// <param name="first">The host's sector of the first region.</param>
    /// <param name="second">The host's sector of the second region.</param>
    public static HostRecordPair Read(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Guid pool, int host)
    {
        var firstError = HostRecord.TryParse(first, pool, host, out var firstRecord);
        var secondError = HostRecord.TryParse(second, pool, host, out var secondRecord);
        return new(host, firstRecord, firstError, secondRecord, secondError);
    }

    /// <summary>Of all hosts, in the order of their ids: the pair of host h at index h − 1.</summary>
    /// <param name="first">The first region, at least <see cref="SpmLayout.HostRecordBytes"/>.</param>
    /// <param name="second">The second region, likewise.</param>
    public static HostRecordPair[] ReadAll(SpmLayout layout, Guid pool, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var pairs = new HostRecordPair[SpmLayout.Hosts];
        for (var i = 0; i < pairs.Length; i++)
        {
            var at = i * layout.SectorSize;
            pairs[i] = Read(first.Slice(at, layout.SectorSize), second.Slice(at, layout.SectorSize), pool, i + 1);
        }

        return pairs;
    }

    /// <summary>The one with the higher sequence number; null when neither is believed.</summary>
    public HostRecord? Newest => Second is null || First?.Sequence >= Second.Sequence ? First : Second;

    /// <summary>The copy the next record goes to, 0 or 1: never the newest believed one.</summary>
    public int NextCopy => Newest is not null && ReferenceEquals(Newest, First) ? 1 : 0;

    public ulong NextSequence => (Newest?.Sequence ?? 0) + 1;

    /// <summary>R28: a record counts only if its generation is the one of the host id's lease.</summary>
    /// <param name="leaseGeneration">The generation in the host id's lease, read from the lockspace.</param>
    public HostRecordReading Reading(ulong leaseGeneration)
    {
        // R28: a late write of an earlier incarnation may lie over one copy; the other then still is the current one's.
        var (first, second) = (First?.Generation == leaseGeneration ? First : null, Second?.Generation == leaseGeneration ? Second : null);
        var current = second is null || first?.Sequence >= second.Sequence ? first : second;
        return current is not null ? new HostRecordReading.Usable(current)
            : Newest is { } other ? new HostRecordReading.OtherIncarnation(other, leaseGeneration)
            : FirstError == RecordError.Empty && SecondError == RecordError.Empty ? new HostRecordReading.Absent()
            : new HostRecordReading.Unreadable(FirstError, SecondError);
    }
}
