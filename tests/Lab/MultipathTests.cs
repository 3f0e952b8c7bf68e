using System.Globalization;
using System.Text.Json;
using OvirtSpm.Lab.Hosts;
using OvirtSpm.Node.Api;

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
        await host.DoAsync($"{LabNode.Program} domain create --lun wwid:{Wwid} --io-timeout {LabPool.IoTimeout} --watchdog-timeout 0 --extent-size 8M");

        var node = new LabNode(host, $"wwid:{Wwid}");
        await node.StartAsync("--activation dm");
        await LeadsAsync();
        var volume = $"{Guid.NewGuid()}";
        await node.DoAsync("POST", "/v1/volumes", JsonSerializer.Serialize(new CreateVolumeRequest(volume, null, 1L << 30, "cow", null, false), JsonSerializerOptions.Web));
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        var device = $"/dev/{(await node.StatusAsync())!.Domain}/{volume}";
        await host.DoAsync($"(n=0; while [ ! -e /tmp/stop ]; do dd if=/dev/zero of={device} bs=64k count=1 seek=$((n % 16)) oflag=direct conv=notrunc 2>>/tmp/said || touch /tmp/failed; n=$((n + 1)); echo $n >/tmp/written; sleep 0.1; done) </dev/null >/dev/null 2>&1 & echo started");
        await WritesOnAsync();
        Assert.Equal((2, 0), await PathsAsync());

        await host.SetPathAsync(one, LabPathState.Failing);
        await SeenAsync(1);
        await WritesOnAsync();
        Assert.Contains((await node.StatusAsync())!.Warnings, warning => warning.Contains("1 of 2 paths failed (sda)", StringComparison.Ordinal));

        // Without any, what is written waits; the lease lasts for 16 s.
        await host.SetPathAsync(two, LabPathState.Failing);
        await SeenAsync(0);
        Assert.Contains((await node.StatusAsync())!.Warnings, warning => warning.Contains("no usable path: I/O waits", StringComparison.Ordinal));
        var before = await WrittenAsync();
        await host.SetPathAsync(two, LabPathState.Whole);
        await host.DoAsync($"dmsetup message {Wwid} 0 reinstate_path {second}");
        await WritesOnAsync();
        await SeenAsync(1);
        await host.SetPathAsync(one, LabPathState.Whole);
        await host.DoAsync($"dmsetup message {Wwid} 0 reinstate_path {first}");
        await SeenAsync(2);
        await LeadsAsync();
        await host.DoAsync("touch /tmp/stop; test ! -e /tmp/failed");
        output.WriteLine($"figure: {await WrittenAsync()} writes, none failed; {before} before both paths were gone");

        async Task<string> NumberAsync(string disk) => (await host.DoAsync($"cat /sys/block/{disk}/dev")).Trim();

        async Task<int> WrittenAsync() => int.TryParse(await host.DoAsync("cat /tmp/written 2>/dev/null || echo 0"), CultureInfo.InvariantCulture, out var written) ? written : 0;

        async Task<(int Usable, int Failed)> PathsAsync()
        {
            var paths = (await node.StatusAsync())?.Multipath is [var seen] ? seen.Paths : [];
            return (paths.Count(path => path.Usable), paths.Count(path => !path.Usable));
        }

        async Task WritesOnAsync()
        {
            var from = await WrittenAsync();
            await LabWait.UntilAsync(LabWait.Patience, () => $"writes go on after {from}", async () => await WrittenAsync() > from + 1);
        }

        Task SeenAsync(int usable) => LabWait.UntilAsync(LabWait.Patience, () => $"{usable} paths are usable: {node.Log}", async () => await PathsAsync() == (usable, 2 - usable));

        Task LeadsAsync() => LabWait.UntilAsync(LabWait.Patience, () => $"the node leads: {node.Log}", async () => await node.StatusAsync() is { Role: "leading" });
    }
}
