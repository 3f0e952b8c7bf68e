using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;

namespace OvirtSpm.SanlockInterop;

/// <summary>A host id in use is refused to the other kind; one that its holder left behind passes on after 8 T + W and the 2 T of every join.</summary>
public class TheirHostIdPassesToUsTests
{
    [Fact]
    public async Task Theirs_is_refused_while_the_daemon_lives_and_ours_after_its_death()
    {
        SanlockTool.SkipWhenMissing();
        using var storage = await LeaseStorage.FileAsync(512, Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        Assert.Equal(0, await daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T));
        await using var witness = new OurHost(storage, 2, "ours-2", Arithmetic.Timing);
        Assert.Equal(new JoinOutcome.Joined(1), await witness.JoinAsync());
        await using var rival = new OurHost(storage, 1, "ours-1", Arithmetic.Timing);
        var busy = Assert.IsType<JoinOutcome.Busy>(await rival.JoinAsync());
        Assert.Equal(("theirs", 1ul), (busy.Holder, busy.Generation));

        // Each sees the other live, in its generation.
        await Until.HoldsAsync("we see it live", TimeSpan.FromSeconds(60), () => Task.FromResult(witness.Keeper.Hosts.Find(1) is { State: HostState.Live }));
        Assert.Equal((1ul, "theirs"), (witness.Keeper.Hosts.Find(1)!.Value.Generation, witness.Keeper.Hosts.Find(1)!.Value.Name));
        await Until.HoldsAsync("it sees us live", TimeSpan.FromSeconds(60), async () => await daemon.SeesAsync(storage, 2, "gen 1", "LIVE"));

        await using var watch = new RenewalWatch(storage, 1);
        await watch.SawOneAsync();
        await daemon.KillAsync();
        JoinOutcome outcome;
        while ((outcome = await rival.JoinAsync()) is JoinOutcome.Busy or JoinOutcome.IoFailed)
        {
            // It began to look before the last renewal landed, or the disk was busy.
        }

        Assert.Equal(new JoinOutcome.Joined(2), outcome);
        Arithmetic.AssertNotEarlyAndNotLate("a dead daemon's host id is ours", RenewalWatch.Now - watch.LastRenewalAfter, Arithmetic.Timing.JoinFree);
        await rival.LeaveAsync();
        await witness.LeaveAsync();
    }
}
