using System.Text.Json;

namespace OvirtSpm.Interop.Cli;

public sealed class CliLeaseBenchTests
{
    [Fact]
    public async Task A_renewal_an_acquire_and_a_release_ask_no_more_of_the_storage_than_sanlocks()
    {
        SanlockTool.SkipWhenMissing();
        Assert.SkipWhen(!CliTool.Exists("strace"), "strace: counts what sanlock's daemon asks of the storage; install strace");
        var result = (await CliSpm.RunAsync("bench", "lease", "--renewals", "1", "--json")).Succeeded().Json;
        foreach (var operation in new[] { "renewal", "acquire", "release" })
        {
            var (ours, theirs) = (result.GetProperty("ours").GetProperty(operation), result.GetProperty("sanlock").GetProperty(operation));
            foreach (var what in new[] { "reads", "writes", "bytesRead", "bytesWritten" })
            {
                Assert.InRange(Number(ours, what), 1, Number(theirs, what));
            }
        }
        Assert.True(result.GetProperty("notMoreIosThanSanlock").GetBoolean());
    }

    /// Under full load, too, the processor's share stays far from a core: one that fills it could not renew anybody in time.
    [Fact(Explicit = true)]
    public async Task Two_hundred_leases_renewed_by_one_process_cost_no_more_each_than_fifty()
    {
        var points = (await CliSpm.RunAsync("bench", "lease", "--scale", "50", "200", "--seconds", "15", "--json")).Succeeded().Json.EnumerateArray().ToList();
        Assert.All(points, point => Assert.Equal(0, point.GetProperty("lost").GetInt32()));
        Assert.InRange(Number(points[1], "cpuSecondsPerLeaseMinute"), 0, 1.5 * Number(points[0], "cpuSecondsPerLeaseMinute"));
    }

    static double Number(JsonElement cost, string what) => cost.GetProperty(what).GetDouble();
}
