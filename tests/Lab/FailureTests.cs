using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Hosts of their own kernel that die, freeze and lose things, around one LUN.</summary>
public class FailureTests(ITestOutputHelper output)
{
    [Fact]
    public async Task The_SPMs_host_is_powered_off_and_another_one_leads_within_the_bound()
    {
        await using var pool = await LabPool.CreateAsync(3);
        var former = await pool.LeaderAsync();
        LabNode[] others = [.. pool.Nodes.Where(node => node != former)];
        var volume = await pool.CreateVolumeAsync(others[0]);
        var bound = (await former.StatusAsync())!.FailoverBoundSeconds;

        var off = Stopwatch.StartNew();
        await former.Host.PowerOffAsync();
        var next = await pool.LeaderAsync(others);
        output.WriteLine($"another host led after {off.Elapsed.TotalSeconds:0.0} s, the bound is {bound:0.0} s");
        await pool.ExtendAsync(next, volume, 256);
        await pool.VerifyAsync(next);

        var back = await pool.RestartAsync(former);
        Assert.Equal("following", (await back.StatusAsync())!.Role);
        Assert.True(off.Elapsed.TotalSeconds > 0);
    }
}
