using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class BootTimeProviderTests
{
    [Fact]
    public void The_timestamp_is_the_machines_uptime()
    {
        static double Uptime() => double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        var before = Uptime();
        var now = BootTimeProvider.Instance.GetElapsedTime(0).TotalSeconds;
        Assert.InRange(now, before - 0.02, Uptime() + 0.02);
    }

    [Fact]
    public void Elapsed_time_agrees_with_a_delay()
    {
        var clock = BootTimeProvider.Instance;
        var start = clock.GetTimestamp();
        var watch = System.Diagnostics.Stopwatch.StartNew();
        while (watch.ElapsedMilliseconds < 20)
        {
            Assert.True(clock.GetTimestamp() >= start);
        }

        var outer = watch.Elapsed;
        Assert.InRange(clock.GetElapsedTime(start), TimeSpan.FromMilliseconds(19), outer + TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Choices_are_in_range_and_differ()
    {
        var picks = Enumerable.Range(0, 1000).Select(_ => SystemChoice.Instance.Pick(10, "test")).ToList();
        Assert.All(picks, pick => Assert.InRange(pick, 0, 9));
        Assert.Equal(10, picks.Distinct().Count());
    }
}
