using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Hosts of their own kernel that die, freeze and lose things, around one LUN.</summary>
public class FailureTests(ITestOutputHelper output)
{
    [Fact]
    public async Task The_SPMs_host_is_powered_off_and_another_one_leads()
    {
        await using var pool = await LabPool.CreateAsync(2);
        await PowerOffAsync(pool, await pool.LeaderAsync());
    }

    [Fact(Explicit = true)]
    public async Task Of_three_hosts_one_after_the_other_is_powered_off_and_comes_back()
    {
        await using var pool = await LabPool.CreateAsync(3);
        for (var round = 0; round < 3; round++)
        {
            var former = await pool.LeaderAsync();
            await PowerOffAsync(pool, former);
            await LabPool.FollowsAsync(await pool.RestartAsync(former));
        }
    }

    private async Task PowerOffAsync(LabPool pool, LabNode former)
    {
        LabNode[] others = [.. pool.Nodes.Where(node => node != former)];
        var volume = await pool.CreateVolumeAsync(others[0]);
        var bound = (await others[0].StatusAsync())!.FailoverBoundSeconds;

        var off = Stopwatch.StartNew();
        await former.Host.PowerOffAsync();
        var next = await pool.LeaderAsync(others);
        output.WriteLine($"figure: power-off of the SPM's host: another one led after {off.Elapsed.TotalSeconds:0.0} s, the bound is {bound:0.0} s on a machine that keeps up");
        await pool.ExtendAsync(next, volume, 256);
        await pool.VerifyAsync(next);
    }
}
