using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Cli;

public sealed class CliSanlockTests
{
    [Fact]
    public async Task Stock_sanlock_reads_the_host_ids_and_the_SPM_lease_at_the_mapped_offsets()
    {
        DemoTools.NeedSanlock();
        using var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero")).Succeeded();
        var layout = await CliLayout.ReadAsync(lun);
        var shown = (await CliSpm.RunAsync("lease", "show", "--lun", lun.Path, "--json")).Succeeded().Json;
        var host = Assert.Single(shown.GetProperty("hosts").EnumerateArray());

        Same(await SanlockAsync("read_leader", "-r", $"{layout.Domain}:SDM:{lun.Image}:{layout.SpmLease}"),
            ("resource_name", "SDM"), ("space_name", layout.Domain), ("owner_id", $"{shown.GetProperty("owner")}"), ("lver", $"{shown.GetProperty("version")}"));
        Same(await SanlockAsync("read_leader", "-s", $"{layout.Domain}:{host.GetProperty("hostId")}:{lun.Image}:{layout.Ids}"),
            ("owner_id", $"{host.GetProperty("hostId")}"), ("owner_generation", $"{host.GetProperty("generation")}"), ("timestamp", "0"),
            ("resource_name", host.GetProperty("name").GetString()!));
        Assert.Contains(" SDM ", await SanlockAsync("dump", $"{lun.Image}:{layout.Special["leases"]}:{2 * CliLun.Mib}"), StringComparison.Ordinal);
        Assert.Contains($" {host.GetProperty("name")} ", await SanlockAsync("dump", $"{lun.Image}:{layout.Ids}:{CliLun.Mib}"), StringComparison.Ordinal);
    }

    /// <summary>Only <c>direct</c> commands: its daemon is not needed and never started.</summary>
    static Task<string> SanlockAsync(params string[] arguments) => CliTool.RunWithAsync(
        Environment.GetEnvironmentVariable("SPM_SANLOCK")!, Environment.GetEnvironmentVariable("SPM_SANLOCK_LIB"), ["direct", .. arguments]);

    static void Same(string output, params (string Name, string Value)[] expected)
    {
        var fields = output.Split('\n').Select(line => line.Split(' ', 2, StringSplitOptions.TrimEntries)).Where(words => words.Length == 2)
            .GroupBy(words => words[0]).ToDictionary(group => group.Key, group => group.First()[1]);
        Assert.All(expected, field => Assert.Equal(field.Value, fields[field.Name]));
    }
}
