using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;

namespace OvirtSpm.SanlockInterop;

public class OurHostIdIsRefusedToThemTests
{
    private const int InUse = -262;

    [Fact]
    public async Task Ours_is_refused_to_the_daemon_while_we_live()
    {
        SanlockTool.SkipWhenMissing();
        using var storage = await LeaseStorage.FileAsync(4096, Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await using var ours = new OurHost(storage, 1, "ours", Arithmetic.Timing);
        Assert.Equal(new JoinOutcome.Joined(1), await ours.JoinAsync());
        Assert.Equal(InUse, await daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T));
        Assert.True(ours.Keeper.Deadline.Holds());
        await ours.LeaveAsync();

        // Given back, it is free at once.
        Assert.Equal(0, await daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T));
        Assert.Equal(0, await daemon.LeaveAsync(storage.Lockspace(1)));
        await using var again = new OurHost(storage, 1, "ours", Arithmetic.Timing);
        Assert.Equal(new JoinOutcome.Joined(3), await again.JoinAsync());
        await again.LeaveAsync();
    }
}
