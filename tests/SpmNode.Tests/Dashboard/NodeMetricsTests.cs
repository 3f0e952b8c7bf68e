using OvirtSpm.Node.Dashboard;

namespace OvirtSpm.Node.Tests.Dashboard;

public class NodeMetricsTests
{
    static readonly NodeReadings Leading = new("leading", 42, 7.5, 1L << 40, 3, 1, WatchdogUnsafe: true);

    [Fact]
    public void Two_nodes_in_one_process_do_not_add_up()
    {
        using var first = new NodeMetrics();
        using var second = new NodeMetrics();
        using var ofFirst = new MetricsCollector(first.Meter);
        using var ofSecond = new MetricsCollector(second.Meter);

        first.Committed(TimeSpan.FromMilliseconds(4), requests: 20);
        second.Extended("done");

        Assert.Equal(1, ExpositionReader.Read(ofFirst.Collect()).Value("spm_commits_total"));
        Assert.Equal(0, ExpositionReader.Read(ofSecond.Collect()).Value("spm_commits_total"));
        Assert.Equal(1, ExpositionReader.Read(ofSecond.Collect()).Value("spm_extends_total", ("outcome", "done")));
    }

    [Fact]
    public void Every_instrument_the_dashboard_is_drawn_from_is_on_the_page()
    {
        using var metrics = new NodeMetrics { Readings = () => Leading };
        using var collector = new MetricsCollector(metrics.Meter);
        metrics.Committed(TimeSpan.FromMilliseconds(4), requests: 20);
        metrics.Extended("done");
        metrics.LeaseRenewal.Record(0.001);

        var page = ExpositionReader.Read(collector.Collect());

        Assert.Equal(7.5, page.Value("spm_lease_margin_seconds"));
        Assert.Equal(42, page.Value("spm_epoch"));
        Assert.Equal(1L << 40, page.Value("spm_free_bytes"));
        Assert.Equal(3, page.Value("spm_volumes"));
        Assert.Equal(1, page.Value("spm_nbd_held_writes"));
        Assert.Equal(1, page.Value("spm_watchdog_unsafe"));
        Assert.Equal(1, page.Value("spm_commit_seconds_bucket", ("le", "0.005")));
        Assert.Equal(0, page.Value("spm_commit_seconds_bucket", ("le", "0.003")));
        Assert.Equal(20, page.Value("spm_commit_requests_sum"));
        Assert.Equal(1, page.Value("spm_lease_renewal_seconds_count"));
        Assert.Equal(0, page.Value("spm_foreign_writes_total"));
        Assert.Equal(page.Types.Count, page.Help.Count);
    }

    [Theory]
    [InlineData("leading", 5)]
    [InlineData("something else", 6)]
    public void Exactly_the_role_a_node_has_is_one(string role, int rows)
    {
        using var metrics = new NodeMetrics { Readings = () => Leading with { Role = role } };
        using var collector = new MetricsCollector(metrics.Meter);

        var roles = ExpositionReader.Read(collector.Collect()).Samples.Where(sample => sample.Name == "spm_role").ToArray();

        Assert.Equal(rows, roles.Length);
        Assert.Equal(role, Assert.Single(roles, sample => sample.Value == 1).Labels["role"]);
    }

    [Fact]
    public void What_is_not_known_is_not_shown()
    {
        using var metrics = new NodeMetrics();
        using var collector = new MetricsCollector(metrics.Meter);
        Assert.DoesNotContain("spm_epoch", collector.Collect());

        metrics.Readings = () => Leading with { LeaseMarginSeconds = null, FreeBytes = null };

        var text = collector.Collect();
        Assert.DoesNotContain("spm_lease_margin_seconds", text);
        Assert.DoesNotContain("spm_free_bytes", text);
        Assert.Contains("spm_epoch 42\n", text);
    }
}
