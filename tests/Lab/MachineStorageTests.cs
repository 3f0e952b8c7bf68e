using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>The path to the LUN fails below a guest with a kernel of its own, and comes back.</summary>
public class MachineStorageTests(ITestOutputHelper output)
{
    private const int All = 8 * LabMachine.Round;

    /// Shorter than the node's hold on its host id, and so long that it has to get it anew.
    [Theory(Explicit = true)]
    [InlineData(2)]
    [InlineData(12)]
    public async Task A_guest_that_stands_because_its_storage_failed_is_continued_when_that_is_back(int timeouts)
    {
        await using var pool = await LabPool.CreateAsync(2, options: "--tail");
        var (leader, node, _) = await pool.PartsAsync();
        var machine = await LabMachine.CreateAsync(pool, node, All);
        await machine.ContinueAsync();
        await machine.WroteAsync(All / 2);
        var generation = (await node.StatusAsync())!.Generation;
        await node.Host.SetPathAsync(pool.Lun, LabPathState.Failing);
        await machine.PausedAsync(forSpace: false);
        await Task.Delay(TimeSpan.FromSeconds(timeouts * LabPool.IoTimeout), TestContext.Current.CancellationToken);
        Assert.True(machine.IsPaused);
        var (code, refusal) = await pool.DeleteAsync(leader, machine.Volume);
        Assert.True(code == 409, $"{code} {refusal}");

        var back = Stopwatch.StartNew();
        await node.Host.SetPathAsync(pool.Lun, LabPathState.Whole);
        await machine.RunsAsync();
        output.WriteLine($"figure: no storage for {timeouts * LabPool.IoTimeout} s, a host id of generation {generation}, then {(await node.StatusAsync())!.Generation}: "
            + $"the guest goes on {back.Elapsed.TotalSeconds:0.0} s after it is back");
        await machine.SaidAsync("guest: read all");
        await machine.EndAsync(pool, All);
    }
}
