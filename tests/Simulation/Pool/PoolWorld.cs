using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Whole nodes on one simulated LUN with a real domain on it; checked whenever metadata lands.</summary>
/// <remarks>
/// <b>Acked</b>: what a client was told is in the metadata that our reader chooses, from then on, for ever.
/// <b>Lineage</b>: (epoch, seqno) of what our reader chooses never goes back.
/// <b>NoLateWrite</b>: no header of an epoch lands over one of a later epoch (nothing is stuck in a kernel in these stories).
/// <b>StockReader</b>: at every moment stock lvm2 (which knows only checksums and seqnos) finds a copy it can read.
/// </remarks>
internal sealed class PoolWorld : SimWorld
{
    private readonly FormatLun outside;
    private readonly Dictionary<string, long> acknowledged = [];
    private readonly HashSet<long> headers;
    private readonly (long Start, long End)[] areas;
    private int textBy;
    private readonly Dictionary<long, MetadataVersion> versionOf = [];
    private readonly Dictionary<long, TimeSpan> harmed = [];
    private MetadataVersion newest;
    private bool metadataLanded;

    public PoolWorld(int hosts, ulong seed, int watchdogTimeoutSeconds = 3, bool watchdogs = false)
        : base(seed)
    {
        HasWatchdogs = watchdogs;
        Disk = new SimDisk(seed % 4 == 3 ? 4096 : 512, 10L << 30, Scheduler, Choice);
        outside = new FormatLun(Disk);
        var creator = new DomainCreator(outside, new FixedClock(), Choice, "simulation");
        Domain = creator.CreateAsync(new DomainOptions(
            Node.RandomIdentity.Guid(Choice), IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: watchdogTimeoutSeconds)).GetAwaiter().GetResult();
        headers = [.. Read().Copies.Select(copy => copy.AreaOffsetBytes)];
        areas = [.. Read().Copies.Select(copy => (copy.AreaOffsetBytes, copy.AreaOffsetBytes + copy.AreaSizeBytes))];
        Disk.Landed = OnLanded;
        Disk.Performed = OnRead;
        Hosts = [.. Enumerable.Range(1, hosts).Select(id => new PoolHost(this, id))];
        foreach (var host in Hosts)
        {
            host.Start();
        }
    }

    public SimDisk Disk { get; }

    public bool HasWatchdogs { get; }

    /// <summary>Nothing resets a host that hangs: its queued header may land over a later one. Then one copy is harmed, for one scrub.</summary>
    public bool LateWritesMayLand { get; set; }

    public int LateWrites { get; private set; }

    public PoolDomain Domain { get; }

    public IReadOnlyList<PoolHost> Hosts { get; }

    public int Acknowledgements { get; private set; }

    /// <summary>Set by a scenario: called once, with the host that has written a text and looks at the headers for the last time before it writes them.</summary>
    public Action<PoolHost>? BeforeHeaders { get; set; }

    public PoolHost? Leader => Hosts.FirstOrDefault(host => host.Verbs is not null);

    public bool IsHeader(long offset) => headers.Contains(offset);

    /// <summary>A header or a text of the volume group.</summary>
    public bool IsMetadata(long offset) => areas.Any(area => offset >= area.Start && offset < area.End);

    /// <summary>What our reader chooses now.</summary>
    public VolumeGroup Group => Read().Group!;

    public void Acknowledge(string volume, long bytes)
    {
        Acknowledgements++;
        acknowledged[volume] = Math.Max(acknowledged.GetValueOrDefault(volume), bytes);
        Trace($"acknowledged {volume[..8]} {bytes >> 20} MiB");
        Check();
    }

    protected override string Replay => $"new PoolWorld({Hosts.Count}, seed: {Seed})";

    public void RunUntil(Func<PoolWorld, bool> done, TimeSpan limit, string what) => RunUntil(() => done(this), limit, what);

    private VolumeGroupRead Read() => MetadataReader.ReadAsync([outside.Metadata]).AsTask().GetAwaiter().GetResult();

    private void OnLanded(int host, long offset, ReadOnlyMemory<byte> bytes)
    {
        if (headers.Contains(offset))
        {
            Trace($"h{host} header at {offset}");
            (metadataLanded, textBy) = (true, 0);
        }
        else if (areas.Any(area => offset > area.Start && offset < area.End))
        {
            textBy = host;
        }
    }

    private void OnRead(int host, long offset)
    {
        if (textBy == host && offset == headers.Max() && BeforeHeaders is { } act)
        {
            BeforeHeaders = null;
            act(Hosts[host - 1]);
        }
    }

    protected override bool Check()
    {
        if (metadataLanded)
        {
            metadataLanded = false;
            CheckMetadata(Read());
        }

        if (harmed.Count > 1)
        {
            Fail("a late write harmed both copies at once");
        }

        // A scrub begins every second; the rest is its own I/O on this disk.
        if (harmed.Values.Any(since => Scheduler.Now - since > TimeSpan.FromSeconds(2)))
        {
            Fail("a late write was not repaired within one scrub");
        }

        if (Hosts.FirstOrDefault(host => host.Path.Violation is not null) is { } broken)
        {
            Fail(broken.Path.Violation!);
        }

        return Failure is not null;
    }

    private void CheckMetadata(VolumeGroupRead read)
    {
        if (read.Group is not { } group)
        {
            Fail($"StockReader: no copy can be read: {read.Problem}");
            return;
        }

        if (group.Version < newest)
        {
            Fail($"Lineage: {newest} was on disk, now {group.Version} is chosen");
        }

        newest = group.Version;
        foreach (var copy in read.Copies)
        {
            if (copy.Version is { } version)
            {
                if (version >= newest)
                {
                    harmed.Remove(copy.AreaOffsetBytes);
                }

                if (version < versionOf.GetValueOrDefault(copy.AreaOffsetBytes) && LateWritesMayLand)
                {
                    LateWrites++;
                    harmed[copy.AreaOffsetBytes] = Scheduler.Now;
                }
                else if (version < versionOf.GetValueOrDefault(copy.AreaOffsetBytes))
                {
                    Fail($"NoLateWrite: the copy at {copy.AreaOffsetBytes} held {versionOf[copy.AreaOffsetBytes]} and was overwritten with {version}");
                }

                versionOf[copy.AreaOffsetBytes] = version;
            }
        }

        foreach (var (volume, bytes) in acknowledged)
        {
            if ((group.Find(volume)?.SizeBytes ?? 0) < bytes)
            {
                Fail($"Acked: {volume} was acknowledged with {bytes} bytes, {group.Version} has {group.Find(volume)?.SizeBytes ?? 0}");
            }
        }

        var used = new HashSet<(int, long)>();
        foreach (var area in group.LogicalVolumes.SelectMany(lv => lv.Segments))
        {
            for (var extent = 0L; extent < area.ExtentCount; extent++)
            {
                if (!used.Add((area.Areas[0].PvIndex, area.Areas[0].StartExtent + extent)))
                {
                    Fail($"Extents: extent {area.Areas[0].StartExtent + extent} is in two volumes in {group.Version}");
                }
            }
        }
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
