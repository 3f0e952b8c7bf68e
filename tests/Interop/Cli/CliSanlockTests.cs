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

    [Fact]
    public async Task Stock_sanlock_takes_a_lease_that_we_made_and_our_verbs_see_its_hold_and_a_damaged_vote()
    {
        DemoTools.NeedSanlock();
        using var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("lease", "create", "--lun", lun.Path, "--name", "vm-7")).Succeeded();
        var layout = await CliLayout.ReadAsync(lun);
        var lease = layout.Special["xleases"] + (3 * CliLun.Mib);
        Same(await SanlockAsync("read_leader", "-r", $"{layout.Domain}:vm-7:{lun.Image}:{lease}"), ("resource_name", "vm-7"), ("timestamp", "0"));
        await SanlockAsync("acquire_id", "-s", $"{layout.Domain}:9:{lun.Image}:{layout.Ids}", "-e", "their-host", "-o", "1");
        await SanlockAsync("acquire", "-r", $"{layout.Domain}:vm-7:{lun.Image}:{lease}", "-i", "9", "-g", "1", "-o", "1");
        var shown = (await CliSpm.RunAsync("lease", "list", "--lun", lun.Path, "--json")).Succeeded().Json[0];
        Assert.Equal(("held", 9, 1), (shown.GetProperty("state").GetString(), shown.GetProperty("ownerId").GetInt32(), shown.GetProperty("version").GetInt32()));
        await SanlockAsync("release_id", "-s", $"{layout.Domain}:9:{lun.Image}:{layout.Ids}");

        var vote = lun.Read(lease + (10 * 512), 512);
        vote[0] ^= 0x40;
        lun.Write(lease + (10 * 512), vote);
        var found = (await CliSpm.RunAsync("lease", "repair", "--lun", lun.Path, "--name", "vm-7", "--json")).Succeeded().Json;
        Assert.Equal("vote of host id 9", found.GetProperty("faults")[0].GetProperty("where").GetString());
        Assert.Equal(vote, lun.Read(lease + (10 * 512), 512));
        (await CliSpm.RunAsync("lease", "repair", "--lun", lun.Path, "--name", "vm-7", "--yes")).Succeeded();
        Assert.Equal(new byte[512], lun.Read(lease + (10 * 512), 512));
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
