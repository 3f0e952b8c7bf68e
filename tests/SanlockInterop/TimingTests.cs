using System.Collections.Concurrent;
using OvirtSpm.Interop;
using OvirtSpm.Leases;

namespace OvirtSpm.SanlockInterop;

/// <summary>sanlock tells its arithmetic when it begins to wait for a host id.</summary>
public class TimingTests
{
    /// 3.8.5 has 60 s of watchdog built in, so other values of W cannot be asked of it; they are a sum with the same 8 T.
    [Fact]
    public async Task Our_durations_are_the_daemons_for_every_io_timeout()
    {
        SanlockTool.SkipWhenMissing();
        int[] timeouts = [1, 2, 5, 10, 20];
        await using var daemon = await Sanlock.StartAsync("theirs");
        ConcurrentBag<Task> joining = [];
        await Task.WhenAll(timeouts.Select(async t =>
        {
            var timing = new LeaseTiming(TimeSpan.FromSeconds(t), TimeSpan.FromSeconds(60));
            using var free = await LeaseStorage.FileAsync(512, t);
            using var held = await LeaseStorage.FileAsync(512, t);
            Assert.Contains("acquire_id done 0", (await SanlockTool.DirectAsync("acquire_id", "-s", held.Lockspace(1), "-e", "somebody", "-o", $"{t}")).Text);
            joining.Add(daemon.ClientAsync("add_lockspace", "-s", free.Lockspace(1), "-o", $"{t}"));
            joining.Add(daemon.ClientAsync("add_lockspace", "-s", held.Lockspace(1), "-o", $"{t}"));

            Assert.Equal(timing.JoinFree.TotalSeconds, Last(await SaidAsync(daemon, free, "delta_short_delay")));
            var said = await SaidAsync(daemon, held, "delta_large_delay");
            Assert.Contains($"delta_large_delay {timing.Expiry.TotalSeconds} delay ", said, StringComparison.Ordinal);
            Assert.Equal(timing.HostDead.TotalSeconds, Last(said));
            Assert.Equal(timing.HostDead + (timing.HostDead / 1000), timing.DeadAfter(timing.IoTimeout, TimeSpan.FromSeconds(60)));
        }));

        // It need not wait it out.
        await daemon.KillAsync();
        await Task.WhenAll(joining);
    }

    /// Its log numbers the lockspaces: "s3 lockspace LS7:1:…", then "s3 delta_acquire …".
    private static async Task<string> SaidAsync(Sanlock daemon, LeaseStorage storage, string what)
    {
        var named = await daemon.LogAsync($" lockspace {storage.LockspaceName}:");
        var number = named.Split(' ').Single(word => word.StartsWith('s') && word.Length > 1 && char.IsAsciiDigit(word[1]));
        return await daemon.LogAsync($" {number} delta_acquire {what} ");
    }

    private static double Last(string line) => double.Parse(line.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
}
