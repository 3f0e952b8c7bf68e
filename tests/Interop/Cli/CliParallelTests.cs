namespace OvirtSpm.Interop.Cli;

public sealed class CliParallelTests
{
    [Fact]
    public async Task Eight_creates_at_once_take_turns_and_nothing_is_lost()
    {
        using var lun = await CliLun.WithDomainAsync();
        var made = await Task.WhenAll(Enumerable.Range(1, 8).Select(number =>
            CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero", "--alias", $"disk{number}")));
        Assert.All(made, result => result.Succeeded());
        var listed = (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(1, 8).Select(number => $"disk{number}"), listed.Select(v => v.GetProperty("alias").GetString()!).Order());
        Assert.Equal(8, listed.Select(v => v.GetProperty("slot").GetInt32()).Distinct().Count());
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
        var hosts = (await CliSpm.RunAsync("lease", "show", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("hosts");
        Assert.All(hosts.EnumerateArray(), host => Assert.Equal(0, host.GetProperty("timestamp").GetInt64()));
    }
}
