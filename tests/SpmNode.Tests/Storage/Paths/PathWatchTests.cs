using OvirtSpm.Leases;
using OvirtSpm.Node.Dashboard;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Tests.Storage.Paths;

public class PathWatchTests
{
    static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));

    readonly ManualClock clock = new();
    readonly List<string> log = [];
    readonly ScriptedMultipath multipath = new();
    readonly PathWatch watch;

    public PathWatchTests() => watch = new PathWatch(multipath, () => ["/dev/mapper/lun", "/dev/sdz"], Timing, clock, log.Add);

    [Fact]
    public async Task A_path_that_fails_and_comes_back_is_told_once_each()
    {
        await LookAsync();
        multipath.Failed = ["sda"];
        await LookAsync();
        await LookAsync();
        Assert.Equal(["/dev/mapper/lun: path sda failed, 1 of 2 usable"], log);
        Assert.Equal(["/dev/mapper/lun: 1 of 2 paths failed (sda)"], watch.Warnings);
        multipath.Failed = ["sda", "sdb"];
        await LookAsync();
        Assert.Equal(["/dev/mapper/lun has no usable path: I/O waits"], watch.Warnings);
        multipath.Failed = [];
        await LookAsync();
        Assert.Equal(["/dev/mapper/lun: path sda is back, 2 of 2 usable", "/dev/mapper/lun: path sdb is back, 2 of 2 usable"], log[^2..]);
        Assert.Empty(watch.Warnings);
    }

    /// While there is no path multipathd counts down, and says only what is left.
    [Fact]
    public async Task What_it_was_told_to_wait_is_remembered_while_it_counts_down()
    {
        await LookAsync();
        Assert.Equal(80, Assert.Single(watch.Current).Describe().QueueSeconds);
        multipath.Failed = ["sda", "sdb"];
        multipath.Limit = new QueueLimit.Unknown("multipathd says '12 sec'");
        clock.Pass(TimeSpan.FromMinutes(2));
        await LookAsync();
        Assert.Equal(80, Assert.Single(watch.Current).Describe().QueueSeconds);
    }

    [Fact]
    public async Task A_wait_that_does_not_fit_the_lease_is_told_when_it_is_configured()
    {
        multipath.Limit = new QueueLimit.Forever();
        await LookAsync();
        await LookAsync();
        Assert.Contains("for ever", Assert.Single(log));
        Assert.Equal(log, watch.Warnings);
        Assert.Equal(1, multipath.Asked);
        multipath.Limit = new QueueLimit.For(TimeSpan.FromSeconds(80));
        clock.Pass(TimeSpan.FromMinutes(1));
        await LookAsync();
        Assert.Empty(watch.Warnings);
    }

    [Fact]
    public void Metrics_have_the_paths_of_each_device()
    {
        using var metrics = new NodeMetrics();
        using var collector = new MetricsCollector(metrics.Meter);
        metrics.Readings = () => new NodeReadings("following", 1, null, null, null, 0, false, Devices: [new PathReading("lun", 1, 3)]);
        var text = collector.Collect();
        Assert.Contains("spm_device_paths{device=\"lun\",state=\"usable\"} 1\n", text);
        Assert.Contains("spm_device_paths{device=\"lun\",state=\"failed\"} 3\n", text);
    }

    Task LookAsync() => watch.LookAsync(TestContext.Current.CancellationToken);

    sealed class ScriptedMultipath : IMultipath
    {
        public string[] Failed { get; set; } = [];

        public QueueLimit Limit { get; set; } = new QueueLimit.For(TimeSpan.FromSeconds(80));

        public int Asked { get; private set; }

        public MultipathMap? Find(string path) => path == "/dev/sdz"
            ? null
            : new("lun", "3600", [.. new[] { "sda", "sdb" }.Select((name, i) => new LunPath($"8:{16 * i}", name, !Failed.Contains(name), 0))], Queues: true);

        public Task<QueueLimit> QueueLimitAsync(MultipathMap map, CancellationToken stop)
        {
            Asked++;
            return Task.FromResult(Limit);
        }
    }
}
