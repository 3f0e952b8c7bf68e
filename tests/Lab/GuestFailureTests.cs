using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>What guests write, and where, when hosts and nodes die below or beside them.</summary>
[Collection(nameof(SharedPool))]
public class GuestFailureTests(SharedPool shared, ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public Task All_hosts_are_lost_and_come_back() => shared.UseAsync(async pool =>
    {
        LabGuest[] guests = [await LabGuest.StartAsync(pool, pool.Nodes[0]), await LabGuest.StartAsync(pool, pool.Nodes[1])];
        await Task.WhenAll(pool.Nodes.Select(node => node.Host.PowerOffAsync()));
        var off = Stopwatch.StartNew();
        await pool.MendAsync();
        output.WriteLine($"figure: all hosts powered off and on again: one leads after {off.Elapsed.TotalSeconds:0.0} s, most of them two boots under emulation");
        foreach (var guest in guests)
        {
            await guest.GoOnAsync(pool.Nodes.Single(node => node.HostId == guest.Node.HostId));
            await guest.VerifyAsync();
        }
        await pool.VerifyAsync(pool.Nodes[0]);
    });
}
