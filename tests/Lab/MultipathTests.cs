using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>A LUN that a host reaches by two paths, joined by the kernel's dm-multipath. multipathd is not there: what it would do is done by hand.</summary>
public class MultipathTests(ITestOutputHelper output)
{
    private const string Wwid = "36001405abcdef0123456789abcdef012", Map = $"/dev/mapper/{Wwid}";

    [Fact(Explicit = true)]
    public async Task Paths_fail_and_come_back_below_a_node_that_goes_on()
    {
        await using var run = LabRun.Create();
        var one = run.CreateLun("one", 24L << 30);
        var two = one with { Name = "two" };
        var host = await run.BootAsync(1, one, two);
        var (first, second) = (await NumberAsync("sda"), await NumberAsync("sdb"));
        var sectors = (await host.DoAsync("cat /sys/block/sda/size")).Trim();
        await host.DoAsync($"dmsetup create {Wwid} --uuid mpath-{Wwid} --table '0 {sectors} multipath 1 queue_if_no_path 0 1 1 round-robin 0 2 1 {first} 1 {second} 1'");
        await host.DoAsync($"[ -e {Map} ] || dmsetup mknodes");

        // One of its paths is no device to write to.
        var refused = await host.RunAsync($"{LabNode.Program} domain create --lun /dev/sdb --io-timeout {LabPool.IoTimeout} --watchdog-timeout 0");
        Assert.True(refused.ExitCode == 1 && refused.Errors.Contains($"one path of the multipath device {Map}", StringComparison.Ordinal), refused.Excerpt);
        var node = await LabMultipath.StartAsync(host, Wwid, LabPool.IoTimeout);

        await host.SetPathAsync(one, LabPathState.Failing);
        await node.SeenAsync(1);
        await node.WritesOnAsync();
        Assert.Contains((await node.StatusAsync()).Warnings, warning => warning.Contains("1 of 2 paths failed (sda)", StringComparison.Ordinal));

        // Without any, what is written waits; the lease lasts for 16 s.
        await host.SetPathAsync(two, LabPathState.Failing);
        await node.SeenAsync(0);
        Assert.Contains((await node.StatusAsync()).Warnings, warning => warning.Contains("no usable path: I/O waits", StringComparison.Ordinal));
        var before = await node.WrittenAsync();
        await host.SetPathAsync(two, LabPathState.Whole);
        await host.DoAsync($"dmsetup message {Wwid} 0 reinstate_path {second}");
        await node.WritesOnAsync();
        await node.SeenAsync(1);
        await host.SetPathAsync(one, LabPathState.Whole);
        await host.DoAsync($"dmsetup message {Wwid} 0 reinstate_path {first}");
        await node.SeenAsync(2);
        await node.LeadsAsync();
        await node.EndAsync();
        output.WriteLine($"figure: {await node.WrittenAsync()} writes, none failed; {before} before both paths were gone");

        async Task<string> NumberAsync(string disk) => (await host.DoAsync($"cat /sys/block/{disk}/dev")).Trim();
    }
}
