using System.Diagnostics;
using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Node.Bench;

/// <summary>What leases cost the storage: ours and sanlock's, host ids 2 and 1 of one lockspace on one file, at the same time.</summary>
/// <remarks>
/// <code>
/// 0 MiB lockspace    1 MiB resource of sanlock's daemon    2 MiB resource of ours        512-byte sectors, 2000 hosts, T = 1 s
/// </code>
/// </remarks>
static class LeaseBench
{
    public const string Lockspace = "BENCH", TheirResource = "THEIRS";
    public const int AreaBytes = 1 << 20;
    const string OurResource = "OURS";

    public static async Task<LeaseBenchResult> RunAsync(int renewals, string directory, Action<string> progress, CancellationToken stop)
    {
        var path = Path.Combine(directory, "leases");
        await using (var file = new FileStream(path, FileMode.CreateNew))
        {
            file.SetLength(3 * AreaBytes);
        }
        using var lun = NodeComposition.OpenLun(path, readOnly: false);
        var geometry = LeaseGeometry.For(512, AreaBytes);
        var lockspace = new CountedArea(lun.Window(0, AreaBytes));
        var resources = new CountedArea(lun.Window(0, 3 * AreaBytes));
        await LockspaceFormat.InitialiseAsync(lockspace, geometry, Lockspace, _ => 1);
        await ResourceFormat.InitialiseAsync(resources, AreaBytes, geometry, Lockspace, TheirResource);
        await ResourceFormat.InitialiseAsync(resources, 2 * AreaBytes, geometry, Lockspace, OurResource);

        progress("both join");
        var times = new RenewalTimes(renewals);
        var timing = new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero);
        var keeper = new LeaseKeeper(
            lockspace, geometry, Lockspace, 2, "bench-ours", timing, NodeComposition.BootClock, NodeComposition.Choice, (_, _) => TimeSpan.Zero, times);
        var lease = new ResourceLease(resources, 2 * AreaBytes, geometry, Lockspace, OurResource, keeper, NodeComposition.BootClock, NodeComposition.Choice);
        var joining = keeper.JoinAsync(stop).AsTask();
        await using var peer = await TracedSanlock.StartAsync(directory, path, stop);
        if (await joining is var joined and not JoinOutcome.Joined)
        {
            throw Refusal.Unavailable($"the measurement could not begin: {joined}. Try again when the storage of {directory} is less busy.");
        }
        lockspace.Take();
        resources.Take();

        progress($"{renewals} renewals, one every 2.5 s");
        using var renewing = new CancellationTokenSource();
        var renewal = keeper.RunAsync(renewing.Token);
        var holding = peer?.HoldAsync(stop) ?? Task.CompletedTask;
        var (acquire, acquired) = await TimeAsync(() => lease.AcquireAsync(new AcquireOptions(), stop));
        var acquireIos = resources.Take();
        await Task.WhenAny(times.Enough, renewal).WaitAsync(stop);
        await renewing.CancelAsync();
        var ended = await renewal;
        var renewalIos = lockspace.Take();
        await holding;
        var (release, released) = await TimeAsync(lease.ReleaseAsync);
        var releaseIos = resources.Take();
        if (acquired is not AcquireOutcome.Acquired || released is not ReleaseOutcome.Released || ended.Reason != LeaseLostReason.Stopped)
        {
            throw Refusal.Unavailable($"the measurement did not end well: {acquired}, {ended.Text}, {released}. Try again when the storage of {directory} is less busy.");
        }
        await keeper.LeaveAsync();

        var ours = new LeaseCost(IoCost.Of(renewalIos, times.Count), IoCost.Of(acquireIos, 1), IoCost.Of(releaseIos, 1));
        var theirs = peer is null ? null : await peer.EndAsync(stop);
        return new LeaseBenchResult(
            times.Count, ours, Math.Round(times.MeanMilliseconds, 3), acquire, release, theirs,
            theirs is null ? TracedSanlock.Missing()! : "system calls of its daemon, by strace",
            theirs is null ? null : ours.Renewal.Ios <= theirs.Renewal.Ios && ours.Acquire.Ios <= theirs.Acquire.Ios && ours.Release.Ios <= theirs.Release.Ios);
    }

    static async Task<(double Milliseconds, T Outcome)> TimeAsync<T>(Func<ValueTask<T>> act)
    {
        var started = Stopwatch.GetTimestamp();
        var outcome = await act();
        return (Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds, 3), outcome);
    }

    sealed class RenewalTimes(int wanted) : ILeaseObserver
    {
        readonly TaskCompletionSource enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TimeSpan sum;

        public int Count { get; private set; }

        public double MeanMilliseconds => sum.TotalMilliseconds / Math.Max(1, Count);

        public Task Enough => enough.Task;

        public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt)
        {
            sum += took;
            if (++Count >= wanted)
            {
                enough.TrySetResult();
            }
        }

        public void RenewalFailed(string why, TimeSpan margin) => enough.TrySetException(new IOException($"a renewal failed in the measurement: {why}"));

        public void Lost(LeaseLost lost)
        {
        }
    }
}
