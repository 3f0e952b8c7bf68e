using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo;
using OvirtSpm.Node.Demo.Verification;

namespace OvirtSpm.SpmNode.Tests.Demo;

public sealed class DemoPartsTests
{
    [Fact]
    public void Block_options_survive_commas_in_values_and_move_below_a_driver()
    {
        var options = BlockDeviceOptions.Parse("-blockdev driver=nbd,node-name=v1,server.type=unix,server.path=/run/a,,b.sock,export=v=1");
        Assert.Equal("/run/a,b.sock", options["server.path"]);
        Assert.Equal("v=1", options["export"]);
        Assert.Equal(
            "driver=qcow2,file.driver=nbd,file.server.type=unix,file.server.path=/run/a,,b.sock,file.export=v=1", options.Below("qcow2").ToString());
        Assert.Throws<Refusal>(() => BlockDeviceOptions.Parse("nonsense"));
    }

    [Fact]
    public void Extends_that_overlap_the_failover_are_told_apart_from_the_others()
    {
        var log = new ExtendLog();
        log.Observe([Guest()], At(0.0));
        log.Observe([Guest(3)], At(1.0));                    // between 0 and 1 s: before
        log.Observe([Guest(3, 9000)], At(12.0));             // ended after 1 s, began 9 s earlier: overlaps
        log.Observe([Guest(3, 9000, 4)], At(20.0));          // between 12 and 20 s: may have begun before 15 s
        log.Observe([Guest(3, 9000, 4, 5, 6)], At(21.0));    // after
        var (outside, overlapping) = log.Split(At(2.0), At(15.0));
        Assert.Equal([3, 5, 6], outside);
        Assert.Equal([9000, 4], overlapping);
        Assert.Equal(5, log.Count);
    }

    [Fact]
    public void A_percentile_is_a_value_that_occurred()
    {
        double[] values = [5, 1, 4, 2, 3];
        Assert.Equal(3, Percentile.Of(values, 0.5));
        Assert.Equal(5, Percentile.Of(values, 0.99));
        Assert.Equal(5, Percentile.Of(values, 1));
        Assert.Equal(1, Percentile.Of(values, 0));
        Assert.Null(Percentile.Of([], 0.5));
    }

    [Fact]
    public void A_paced_guest_writes_evenly_and_its_last_quarter_at_once()
    {
        var plan = WritePlan.Demo(TimeSpan.FromSeconds(30));
        Assert.Equal(TimeSpan.Zero, plan.DueAt(0));
        Assert.Equal(TimeSpan.FromSeconds(10), plan.DueAt(256 << 20));
        Assert.Equal(TimeSpan.FromSeconds(30), plan.DueAt(768 << 20));
        Assert.Equal(TimeSpan.FromSeconds(30), plan.DueAt(1023 << 20));
        Assert.Equal(TimeSpan.Zero, WritePlan.Unpaced(1 << 20).DueAt(1 << 19));
    }

    [Fact]
    public void What_lvm2_reports_is_read_with_segments_in_any_order()
    {
        var lvs = Outcome("""
            {"report":[{"seg":[
              {"lv_name":"v","lv_size":"402653184","lv_tags":"IU_1,MD_2","vg_tags":"a,SPM_EPOCH=3","seg_start_pe":"2","seg_pe_ranges":"/dev/loop0:40-40"},
              {"lv_name":"v","lv_size":"402653184","lv_tags":"IU_1,MD_2","vg_tags":"a,SPM_EPOCH=3","seg_start_pe":"0","seg_pe_ranges":"/dev/loop0:7-8"}]}]}
            """, "  WARNING: Activation disabled. No device-mapper interaction will be attempted.\n");
        var pvs = Outcome("""{"report":[{"pv":[{"pv_name":"/dev/loop0","pe_start":"135266304","vg_extent_size":"134217728"}]}]}""", "");
        var report = LvmReport.Parse(lvs, pvs);
        Assert.Equal(135266304 + 7 * 134217728L, report.OffsetOf("v"));
        Assert.Equal(402653184, report.Volumes["v"].SizeBytes);
        Assert.Equal(["IU_1", "MD_2"], report.Volumes["v"].Tags);
        Assert.Contains("SPM_EPOCH=3", report.GroupTags);
        Assert.Empty(report.Complaints);
        Assert.Throws<Refusal>(() => LvmReport.Parse(Outcome("{}", ""), pvs));
        Assert.Throws<Refusal>(() => LvmReport.Parse(Outcome("no json", ""), pvs));
    }

    [Theory]
    [InlineData(1, 30)]
    [InlineData(17, 30)]
    [InlineData(3, 4)]
    [InlineData(3, 100000)]
    public void Impossible_options_are_refused(int hosts, int seconds)
    {
        var refused = Assert.Throws<Refusal>(() => new DemoOptions(hosts, TimeSpan.FromSeconds(seconds), null, null, false).Validated());
        Assert.Equal(RefusalCode.Invalid, refused.Code);
    }

    [Fact]
    public void A_run_holds_only_if_everything_was_confirmed()
    {
        var held = new DemoSummary(3, 18, 2, 1, 2, 0, 900, 11, 12.5, 30, 1.1, [new("vgck", "fine", true)]);
        Assert.True(held.Held);
        Assert.False((held with { Verified = [] }).Held);
        Assert.False((held with { Verified = [new("vgck", "fine", true), new("lvs", "not", false)] }).Held);
        Assert.False((held with { GuestWriteErrors = 1 }).Held);
        Assert.False((held with { FailoverSeconds = 12.6 }).Held);
        Assert.False((held with { FailoverSeconds = null }).Held);
        Assert.False((held with { Extends = 0 }).Held);
    }

    static ToolOutcome Outcome(string output, string errors) => new(0, output, errors);

    static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);

    static GuestReply Guest(params double[] latencies) =>
        new("g", "q", "watching", [new GuestDiskReply("v", "quiet", 0, null, null, latencies.Length, null, null, latencies)]);
}
