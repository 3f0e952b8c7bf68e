using System.Diagnostics;
using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Node.Bench;

/// <summary>Many host ids held by one process on one file, renewed at T = 1 s: processor time per lease and minute.</summary>
static class LeaseScaleBench
{
    const int AreaBytes = 1 << 20;

    public static async Task<IReadOnlyList<LeaseScalePoint>> RunAsync(
        IReadOnlyList<int> numbers, TimeSpan duration, string directory, Action<string> progress, CancellationToken stop)
    {
        var points = new List<LeaseScalePoint>();
        foreach (var leases in numbers)
        {
            progress($"{leases} host ids, {duration.TotalSeconds:0} s");
            points.Add(await MeasureAsync(leases, duration, Path.Combine(directory, $"scale-{points.Count}"), stop));
        }
        return points;
    }

    static async Task<LeaseScalePoint> MeasureAsync(int leases, TimeSpan duration, string path, CancellationToken stop)
    {
        await using (var file = new FileStream(path, FileMode.CreateNew))
        {
            file.SetLength(AreaBytes);
        }
        using var lun = NodeComposition.OpenLun(path, readOnly: false);
        var geometry = LeaseGeometry.For(512, AreaBytes);
        var area = lun.Window(0, AreaBytes);
        await LockspaceFormat.InitialiseAsync(area, geometry, "SCALE", _ => 1);
        var count = new Counter();
        var timing = new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero);
        var keepers = Enumerable.Range(1, leases).Select(id => new LeaseKeeper(
            area, geometry, "SCALE", id, $"scale-{id}", timing, NodeComposition.BootClock, NodeComposition.Choice, (_, _) => TimeSpan.Zero, count)).ToList();
        var joined = await Task.WhenAll(keepers.Select(keeper => keeper.JoinAsync(stop).AsTask()));
        if (joined.FirstOrDefault(outcome => outcome is not JoinOutcome.Joined) is { } refused)
        {
            throw Refusal.Unavailable($"{leases} host ids could not be held at once: {refused}.");
        }
        using var renewing = new CancellationTokenSource();
        var renewals = keepers.Select(keeper => keeper.RunAsync(renewing.Token)).ToList();

        // The first look reads everything and parses every record; what lasts is what comes after.
        await Task.Delay(timing.RenewalInterval + LeaseTiming.RenewalPause, stop);
        using var process = Process.GetCurrentProcess();
        var (cpu, before, started) = (process.TotalProcessorTime, count.Renewals, Stopwatch.GetTimestamp());
        count.ForgetSlowest();
        await Task.Delay(duration, stop);
        process.Refresh();
        var (used, done, took) = ((process.TotalProcessorTime - cpu).TotalSeconds, count.Renewals - before, Stopwatch.GetElapsedTime(started));
        await renewing.CancelAsync();
        var lost = (await Task.WhenAll(renewals)).Count(end => end.Reason != LeaseLostReason.Stopped);
        foreach (var keeper in keepers)
        {
            await keeper.LeaveAsync();
        }
        return new LeaseScalePoint(
            leases, done, lost, Math.Round(took.TotalSeconds, 1), Math.Round(used, 3), Math.Round(used / leases / took.TotalMinutes, 4),
            Math.Round(count.Slowest.TotalMilliseconds, 1));
    }

    sealed class Counter : ILeaseObserver
    {
        int renewals;
        long slowestTicks;

        public int Renewals => Volatile.Read(ref renewals);

        public TimeSpan Slowest => TimeSpan.FromTicks(Interlocked.Read(ref slowestTicks));

        public void ForgetSlowest() => Interlocked.Exchange(ref slowestTicks, 0);

        public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt)
        {
            Interlocked.Increment(ref renewals);
            for (var seen = Interlocked.Read(ref slowestTicks); took.Ticks > seen;)
            {
                var now = Interlocked.CompareExchange(ref slowestTicks, took.Ticks, seen);
                seen = now == seen ? took.Ticks : now;
            }
        }

        public void RenewalFailed(string why, TimeSpan margin)
        {
        }

        public void Lost(LeaseLost lost)
        {
        }
    }
}
