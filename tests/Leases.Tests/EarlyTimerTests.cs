using OvirtSpm.Leases.HostId;

namespace OvirtSpm.Leases.Tests;

/// <summary>Timers of the runtime may fire some milliseconds before their time.</summary>
public sealed class EarlyTimerTests
{
    [Fact]
    public async Task A_join_whose_timer_fires_early_waits_the_rest_and_writes_once()
    {
        var pool = await Pool.FreshAsync(new ManualClock { Early = TimeSpan.FromMilliseconds(4) });
        pool.Area.Log.Clear();
        var began = pool.Clock.Now;
        Assert.IsType<JoinOutcome.Joined>(await pool.Host(1).Keeper.JoinAsync(CancellationToken.None));
        Assert.Equal([false, true, false], pool.Area.Log.Select(io => io.Write));
        Assert.InRange((pool.Clock.Now - began).TotalMilliseconds, 2000, 2010);
    }
}
