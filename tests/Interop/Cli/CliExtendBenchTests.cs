namespace OvirtSpm.Interop.Cli;

public sealed class CliExtendBenchTests
{
    /// A thousand commits of 4 MB each: what the writer keeps of them is what it needs for the next one. Twenty seconds and more for stock lvm2's part.
    [Fact(Explicit = true)]
    public async Task Ten_thousand_volumes_and_a_thousand_commits_take_less_than_200_MiB()
    {
        var result = (await CliSpm.RunAsync(TimeSpan.FromMinutes(5), ["bench", "extend", "--lvs", "10000", "--requests", "1000", "--single", "1000", "--json"])).Succeeded().Json;
        Assert.InRange(result.GetProperty("commits").GetInt32(), 1000, int.MaxValue);
        Assert.InRange(result.GetProperty("residentMebibytes").GetInt64(), 1, 199);
        Assert.InRange(result.GetProperty("ratio").GetDouble(), 200, double.MaxValue);
    }
}
