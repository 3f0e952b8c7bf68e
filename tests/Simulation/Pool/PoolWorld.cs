using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Whole nodes on one simulated LUN with a real domain on it, on a simulated network, with guests that write.</summary>
/// <remarks>
/// Checked after every event: <b>Exclusion</b> (at most one host would write as SPM if asked), C4 and R7 (<see cref="SimPath"/>). Whenever
/// something lands: <see cref="MetadataCheck"/>, <b>C1 Acked</b> (<see cref="VolumeBook"/>), <b>C3 DataOwner</b>, <b>C6</b>.
/// </remarks>
internal sealed class PoolWorld : SimWorld
{
    private readonly FormatLun outside;
    private readonly JournalCheck journal;
    private int textBy;
    private ulong versions;

    public PoolWorld(int hosts, ulong seed, int watchdogTimeoutSeconds = 3, bool watchdogs = false)
        : this(new PoolOptions(hosts, WatchdogTimeoutSeconds: watchdogTimeoutSeconds) { HasWatchdog = watchdogs }, seed)
    {
    }

    public PoolWorld(PoolOptions options, ulong seed)
        : base(seed)
    {
        (Options, LateWritesMayLand) = (options, options.Weakness != PoolWeakness.None);
        var sectorSize = seed % 16 == 3 ? 4096 : 512;
        var template = DomainTemplate.Of(sectorSize, options.IoTimeoutSeconds, options.WatchdogTimeoutSeconds);
        Disk = new SimDisk(sectorSize, new SparseBytes(DomainTemplate.LunBytes, template), Scheduler, Choice);
        outside = new FormatLun(Disk);
        Domain = PoolDomain.OpenAsync(outside).GetAwaiter().GetResult();
        Timing = Domain.Timing;
        Network = new SimNetwork(this);
        Book = new VolumeBook(this);
        var read = MetadataReader.ReadAsync([outside.Metadata]).AsTask().GetAwaiter().GetResult();
        Metadata = new MetadataCheck(this, read.Copies.Select(copy => new DiskArea(copy.AreaOffsetBytes, copy.AreaSizeBytes))) { Changed = OnChanged };
        Places = new PoolPlaces(Domain, Metadata);
        Stray = new StrayIo(this);
        journal = new JournalCheck(JournalPlace.Of(Domain));
        Disk.Landed = OnLanded;
        Disk.Performed = OnRead;
        Hosts = [.. Enumerable.Range(1, options.Hosts).Select(id => new PoolHost(this, id))];
        foreach (var host in Hosts)
        {
            host.Path.Issuing = io => OnIssuing(host, io);
            host.Path.MayRepeat = Metadata.Images[0].Holds;
            (host.Path.Strays, host.Path.Reading) = (io => Stray.PlaceOf(host.Id, io), io => Stray.MakeOld(host.Id, io));
            host.Start();
        }
    }

    public PoolOptions Options { get; }

    /// <summary>Nothing resets a host that hangs: its queued header may land over a later one. Then one copy is harmed, for one scrub.</summary>
    public bool LateWritesMayLand { get; set; }

    /// <summary>Where the leader record of the SPM lease lies on the LUN.</summary>
    public long SpmLeaseOffset => Places.SpmLease;

    public int LateWrites => Metadata.LateHeaders;

    public SimDisk Disk { get; }

    public PoolDomain Domain { get; }

    public LeaseTiming Timing { get; }

    public PoolPlaces Places { get; }

    public SimNetwork Network { get; }

    public MetadataCheck Metadata { get; }

    public VolumeBook Book { get; }

    public PoolStats Stats { get; } = new();

    public PoolHost[] Hosts { get; }

    /// <summary>One vote in so many cannot be believed from the moment it lands; 0 means all can.</summary>
    public int RotVotesOneIn { get; set; }

    public StrayIo Stray { get; }

    /// <summary>When metadata was last read or written by one of ours.</summary>
    public TimeSpan MetadataTouched { get; private set; }

    /// <summary>How long a guest thinks between two requests, at most.</summary>
    public int GuestPauseMilliseconds { get; set; } = 20_000;

    public int Acknowledgements => Book.Acknowledgements;

    /// <summary>Set by a scenario: called once, with the host that has written a text and looks at the headers for the last time before it writes them.</summary>
    public Action<PoolHost>? BeforeHeaders { get; set; }

    /// <summary>Its clocks stood still in the middle of its term, so nothing but the disk can tell it that this is over.</summary>
    public PoolHost? Unaware { get; set; }

    public PoolHost? Leader => Hosts.FirstOrDefault(host => host.Verbs is not null);

    /// <summary>What our reader chooses now.</summary>
    public VolumeGroup Group => Metadata.Newest;

    protected override string Replay => $"./spm simulate --seed {Seed} --seeds 1 --hosts {Options.Hosts} --trace";

    /// <summary>A rate of things that happen once in so long in a world with T = 1 s: slower where T is longer, but not as much.</summary>
    public int Pace(int once) => once * (5 + (2 * Options.IoTimeoutSeconds)) / 7;

    public ulong NextVersion() => ++versions;

    /// <summary>Another program writes here, by way of no host.</summary>
    public void WriteForeign(long offset, byte[] bytes)
    {
        Disk.Bytes.Write(offset, bytes);
        Metadata.Landed(0, offset, bytes.Length, isForeign: true);
        Book.Check(Metadata.Newest);
    }

    /// <returns>One sector of a volume as the newest metadata maps it; null when it has no such byte.</returns>
    public byte[]? ReadVolume(string volume, long offset)
    {
        if (Group.Find(volume) is not { } lv || offset + Disk.SectorSize > lv.SizeBytes)
        {
            return null;
        }

        var sector = new byte[Disk.SectorSize];
        Disk.Bytes.Read(VolumeMapping.Map(Group, lv, offset, sector.Length)[0].PvOffsetBytes, sector);
        return sector;
    }

    public void RunUntil(Func<PoolWorld, bool> done, TimeSpan limit, string what) => RunUntil(() => done(this), limit, what);

    protected override bool Check()
    {
        PoolHost? other = null;
        foreach (var host in Hosts)
        {
            if (host.HasTerm)
            {
                // After every event: fences are asked only where two hosts have a term at all.
                if (other?.LeadingTerm is { } one && host.LeadingTerm is { } two && other != Unaware && host != Unaware)
                {
                    Fail($"Exclusion: host {other.Id} (epoch {one.Fence.Epoch}) and host {host.Id} (epoch {two.Fence.Epoch}) both may write");
                }

                other = other?.LeadingTerm is null ? host : other;
            }

            if (host.Path.Violation is { } violation)
            {
                Fail(violation);
            }
        }

        return Failure is not null;
    }

    private void OnIssuing(PoolHost host, SimIo io)
    {
        var kind = Places.KindOf(io.Offset);
        if (kind == AimedAt.Commit)
        {
            CheckMetadataWrite(host, io);
        }
        else if (kind == AimedAt.Ballot && IsRelease(host, io) && host.Path.WritesOut.FirstOrDefault(other => Places.IsOfTerm(other.Offset)) is { } mine)
        {
            Fail($"C4, R8: host {host.Id} gives the SPM lease back while a write of its term at {mine.Offset} is out");
        }

        if (host.Aim is { } aim && aim.At == kind)
        {
            host.Aim = aim.Skip > 0 ? aim with { Skip = aim.Skip - 1 } : null;
            if (aim.Skip == 0)
            {
                aim.Strike(io);
            }
        }
    }

    private void CheckMetadataWrite(PoolHost host, SimIo io)
    {
        io.About = Metadata.Newest.Version;
        foreach (var other in Hosts)
        {
            foreach (var there in other.Path.WritesOut)
            {
                if (other == host && Metadata.IsMetadata(there.Offset))
                {
                    Fail($"C4, R2: host {host.Id} issued a metadata write at {io.Offset} while another one is out");
                }
                else if (!Metadata.IsHeader(io.Offset) && there.Overlaps(io.Offset, io.Length) && (!LateWritesMayLand || Equals(there.About, io.About)))
                {
                    // It may land over the new text when that is the live one. Where nothing ends it, only those that go on from the same
                    // text keep out of each other's way: of one that stalled earlier nobody knows, and it harms one copy.
                    Fail($"R4: host {host.Id} issued a text at {io.Offset} where a text of host {other.Id} is still on its way");
                }
            }
        }
    }

    private bool IsRelease(PoolHost host, SimIo io) =>
        io.Offset == Places.SpmLease + Domain.Geometry.VoteOffset(host.Id)
        && Leases.OnDisk.BallotBlock.TryParse(io.Data.Span, out var vote) == Leases.OnDisk.RecordError.None && vote.IsReleased;

    private void OnLanded(int host, long offset, ReadOnlyMemory<byte> bytes)
    {
        Note(host, offset, bytes.Span);
        if (RotVotesOneIn > 0 && offset > Places.SpmLease + Disk.SectorSize && Places.IsVote(offset) && Choice.Pick(RotVotesOneIn, "a vote rots as it lands") == 0)
        {
            // As it lands its writer notices; a moment later it does not, and whoever comes next must.
            var after = TimeSpan.FromMicroseconds(Choice.Pick(2, "as it lands") * Choice.Pick(200 << Choice.Pick(14, "rots after"), "rots after"));
            Scheduler.After(after, () => Disk.Rot(offset));
            Scheduler.After(after + TimeSpan.FromMilliseconds(1 + Choice.Pick(2000 * Options.IoTimeoutSeconds, "until it is repaired")), Disk.HealRot);
        }

        if (journal.Landed(offset, bytes.Span) is { } broken)
        {
            Fail($"{broken} (host {host})");
        }

        if (Metadata.IsMetadata(offset))
        {
            MetadataTouched = Scheduler.Now;
            textBy = Metadata.IsHeader(offset) ? 0 : host;
            Metadata.Landed(host, offset, bytes.Length, isForeign: false);
            Book.Check(Metadata.Newest);
        }
        else if (Stamp.TryParse(bytes.Span, out var volume, out _, out _) && Metadata.OwnerOf(offset) != volume.ToString())
        {
            Fail($"C3 DataOwner: host {host} wrote data of {volume} at {offset}, which belongs to {Metadata.OwnerOf(offset) ?? "nobody"}");
        }
    }

    /// <summary>C6: extents are freed only when no host may write them any more.</summary>
    private void OnChanged(VolumeGroup before, VolumeGroup after)
    {
        foreach (var gone in MetadataCheck.VolumesOf(before).Where(lv => after.Find(lv.Name) is null))
        {
            foreach (var host in Hosts)
            {
                if (host.Guests.Any(guest => guest.Volume == gone.Name && guest.IsServed) || host.LeftServed.Contains(gone.Name))
                {
                    Fail($"C6: {gone.Name} is gone in {after.Version} while host {host.Id} serves it");
                }

                if (host.Path.WritesOut.Any(io => Stamp.TryParse(io.Data.Span, out var volume, out _, out _) && volume.ToString() == gone.Name))
                {
                    Fail($"C6: {gone.Name} is gone in {after.Version} while host {host.Id} has a write to it on its way");
                }
            }
        }
    }

    private void OnRead(int host, long offset)
    {
        if (Metadata.IsMetadata(offset))
        {
            MetadataTouched = Scheduler.Now;
        }

        if (textBy == host && Metadata.IsHeader(offset) && offset > 4096 && BeforeHeaders is { } act)
        {
            BeforeHeaders = null;
            act(Hosts[host - 1]);
        }
    }
}
