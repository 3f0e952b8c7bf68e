using System.Diagnostics;
using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Bench;

/// <summary>Durable extends per second of our writer against stock <c>lvextend</c> on an equal volume group, in the same run.</summary>
/// <remarks>
/// A bare group on a sparse file: 4 MiB extents, two metadata areas of 128 MiB, volumes with oVirt's three tags. Every extend is one
/// durable commit with all flushes, or its share of one. Neither side takes a lease here: this measures the metadata, and on our side
/// the two sectors an SPM reads again in each commit and the journal, which lies on the last mebibytes of the file, where no data is.
/// </remarks>
static class ExtendBench
{
    const long ExtentBytes = 4L << 20;
    const int Requesters = 64, PeerCalls = 30;

    /// <summary>
    /// The JIT's share is not the writer's: what is called 30 times is compiled again in the background, for most of the first second, and beside
    /// that one commit in twenty takes 4 to 10 ms on two cores. A node has that behind it soon after its start.
    /// </summary>
    const int WarmupTogether = 200, WarmupAlone = 1000;

    const long JournalBytes = 8L * JournalGeometry.SegmentBytes;

    static readonly Guid Life = new(1, 2, 3, new byte[8]);
    static long asked;

    public static async Task<ExtendBenchResult> RunAsync(int lvs, int requests, int singles, string directory, Action<string> progress)
    {
        var ours = await CreateAsync(Path.Combine(directory, "ours"), lvs, requests + singles + WarmupTogether + WarmupAlone);
        using var lun = ours.Lun;
        var commits = 0;
        var worker = new PoolWorker(ours.Store, ours.Fence, TimeProvider.System, new PoolCounters { OnCommit = (_, _) => commits++ }, journal: ours.Journal);
        var writing = worker.RunAsync();
        await ExtendManyAsync(worker, ours.Names, WarmupTogether, Requesters);
        await ExtendOneByOneAsync(worker, ours.Names, WarmupAlone);
        progress("one requester");
        var single = await ExtendOneByOneAsync(worker, ours.Names, singles);
        progress($"{Requesters} requesters");
        var started = Stopwatch.GetTimestamp();
        await ExtendManyAsync(worker, ours.Names, requests, Requesters);
        var perSecond = requests / Stopwatch.GetElapsedTime(started).TotalSeconds;
        worker.StopAccepting();
        await writing;
        var resident = Environment.WorkingSet;
        progress("the storage alone");
        var floor = await StorageFloor.MeasureAsync(lun.Metadata, ours.Store.Current.TextLength);

        progress($"{PeerCalls} calls of lvextend");
        var peerPerSecond = await MeasurePeerAsync(Path.Combine(directory, "peer"), lvs);
        return new ExtendBenchResult(
            lvs, requests, Math.Round(perSecond, 1), At(single, 0.5), At(single, 0.99), At(floor, 0.5), At(floor, 0.99), commits, resident >> 20, "lvextend", Math.Round(peerPerSecond, 2),
            Math.Round(perSecond / peerPerSecond, 1));
    }

    static async Task<(ILun Lun, MetadataStore Store, PoolFence Fence, OperationJournal Journal, string[] Names)> CreateAsync(string path, int lvs, int growth)
    {
        await using (var file = new FileStream(path, FileMode.Create))
        {
            file.SetLength((300L << 20) + (lvs + growth + 400L) * ExtentBytes);
        }
        var lun = NodeComposition.OpenLun(path, readOnly: false);
        var clock = TimeProvider.System;
        var options = new VgCreateOptions
        {
            Name = "bench", VgUuid = NewUuid(), PvUuid = NewUuid(), ExtentSizeBytes = ExtentBytes, MetadataAreaBytes = 128 << 20, Copies = 2,
        };
        if (await VolumeGroupFormat.CreateAsync(lun.Metadata, options, clock.GetUtcNow(), "bench") is var born and not FormatOutcome.Created)
        {
            throw Refusal.Unavailable($"the volume group for the measurement was not made: {born}.");
        }
        var opened = (OpenOutcome.Opened)await MetadataStore.OpenAsync([lun.Metadata], clock, "bench");
        var leases = lun.Window(0, 1 << 20);
        var fence = new PoolFence(1, _ => true, TimeSpan.Zero, TimeProvider.System, () => ReadLikeAConfirmationAsync(leases));
        var place = new JournalPlace(lun.Metadata, lun.SizeBytes - JournalBytes, new JournalGeometry(new Region(0, JournalBytes), lun.SectorSize), Life);
        OperationJournal? journal = null;
        var taken = await opened.Store.TakeOverAsync(
            fence, journal: async found => new TakeOverBasis(journal = new OperationJournal(place, fence.Epoch, await place.ReadAsync(found))));
        var names = new string[lvs];
        var draft = new VolumeGroupDraft(opened.Store.Current);
        for (var i = 0; i < lvs; i++)
        {
            names[i] = RandomIdentity.Guid(NodeComposition.Choice).ToString();
            string[] tags = [$"IU_{RandomIdentity.Guid(NodeComposition.Choice)}", "PU_00000000-0000-0000-0000-000000000000", $"MD_{i + 1}"];
            draft.CreateLinear(names[i], NewUuid(), 1, tags, clock.GetUtcNow(), "bench");
        }
        return taken is TakeOverOutcome.TakenOver && await opened.Store.CommitAsync(draft, fence, "bench") is CommitOutcome.Committed
            ? (lun, opened.Store, fence, journal!, names)
            : throw Refusal.Unavailable($"the {lvs} volumes for the measurement were not made.");
    }

    /// <summary>R25: an SPM reads two sectors of leases again in each commit; there are none here, so others are read in their place.</summary>
    static async ValueTask<ConfirmOutcome> ReadLikeAConfirmationAsync(ILeaseArea area)
    {
        var own = area.ReadAsync(0, new byte[area.SectorSize]);
        await area.ReadAsync(area.SectorSize, new byte[area.SectorSize]);
        await own;
        return ConfirmOutcome.Ours;
    }

    static async Task<List<double>> ExtendOneByOneAsync(PoolWorker worker, string[] names, int requests)
    {
        var milliseconds = new List<double>(requests);
        for (var i = 0; i < requests; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await ExtendAsync(worker, names[i % names.Length]);
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        return milliseconds;
    }

    static Task ExtendManyAsync(PoolWorker worker, string[] names, int requests, int requesters)
    {
        var next = -1;
        return Task.WhenAll(Enumerable.Range(0, requesters).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var number && number < requests)
            {
                await ExtendAsync(worker, names[number % names.Length]);
            }
        })));
    }

    /// <summary>One extent more than the volume has when the request is applied.</summary>
    static async Task ExtendAsync(PoolWorker worker, string name)
    {
        var answer = new JournalRecord.Answered(
            new RequestId(1, Life, (ulong)Interlocked.Increment(ref asked)), OperationKind.Extend, Life, OperationOutcome.Done);
        var result = await worker.SubmitAsync($"extend {name}", draft => draft.Extend(name, draft.Find(name)!.ExtentCount + 1), answer);
        if (result is not PoolResult.Done)
        {
            throw Refusal.Unavailable($"an extend failed in the measurement: {result}.");
        }
    }

    static async Task<double> MeasurePeerAsync(string path, int lvs)
    {
        var (lun, _, _, _, names) = await CreateAsync(path, lvs, PeerCalls);
        lun.Dispose();
        using var stock = await StockLvm.AttachAsync(path);
        await stock.ExtendAsync($"bench/{names[0]}"); // its files are then in the page cache
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < PeerCalls; i++)
        {
            await stock.ExtendAsync($"bench/{names[i % names.Length]}");
        }
        return PeerCalls / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    static LvmUuid NewUuid() => LvmUuid.FromRandomBytes(RandomIdentity.Bytes(NodeComposition.Choice, LvmUuid.Length));

    static double At(List<double> values, double share)
    {
        values.Sort();
        return Math.Round(values[(int)Math.Min(values.Count - 1, values.Count * share)], 3);
    }
}
