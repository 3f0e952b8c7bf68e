using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>A LUN over iSCSI by two portals, joined by multipathd: everything between the node and the disk is what a data centre has.</summary>
public class IscsiTests(ITestOutputHelper output)
{
    /// <summary>The lease lasts for 80 s, and so long does multipath queue what has no path: as <c>spm status</c> advises.</summary>
    private const int IoTimeout = 10, NoPathRetry = 16;

    [Fact(Explicit = true)]
    public async Task Portals_fail_and_come_back_below_a_node_that_goes_on()
    {
        LabIscsi.SkipUnlessThere();
        await using var run = LabRun.Create();
        var booting = run.BootAsync(1, run.CreateLun("lun", 24L << 30));
        var host = await run.BootAsync(2);
        var storage = await booting;
        var iscsi = new LabIscsi(storage);
        await iscsi.ExportAsync("/dev/sda");
        await iscsi.LogInAsync(host, NoPathRetry);
        var node = await LabMultipath.StartAsync(host, LabIscsi.Wwid, IoTimeout);
        var status = await node.StatusAsync();
        // multipathd was asked, and what it does fits the lease.
        Assert.Equal(5.0 * NoPathRetry, Assert.Single(status.Multipath!).QueueSeconds);
        Assert.DoesNotContain(status.Warnings, warning => warning.Contains("queues", StringComparison.Ordinal) || warning.Contains("paths", StringComparison.Ordinal));

        await iscsi.CutAsync(0);
        var one = await node.SeenAsync(1);
        await node.WritesOnAsync();
        Assert.Contains((await node.StatusAsync()).Warnings, warning => warning.Contains("1 of 2 paths failed", StringComparison.Ordinal));

        // Without any, what is written waits; multipathd brings each path back by itself.
        await iscsi.CutAsync(1);
        var none = await node.SeenAsync(0);
        Assert.Contains((await node.StatusAsync()).Warnings, warning => warning.Contains("no usable path: I/O waits", StringComparison.Ordinal));
        var before = await node.WrittenAsync();
        await iscsi.JoinAsync(1);
        await node.WritesOnAsync();
        await iscsi.JoinAsync(0);
        var back = await node.SeenAsync(2);
        await node.WritesOnAsync();
        var after = await node.StatusAsync();
        Assert.Equal(("leading", status.Epoch), (after.Role, after.Epoch));
        await node.EndAsync();
        output.WriteLine($"figure: {await node.WrittenAsync()} writes over iSCSI, none failed, {before} before both portals were gone; "
            + $"seen after s: one gone {one.TotalSeconds:0}, both {none.TotalSeconds:0}, both back {back.TotalSeconds:0}; the term is the same");
    }
}
