using System.Text;

namespace OvirtSpm.Interop.Cli;

/// <summary><c>spm metadata check|dump|restore</c> beside vgck, pvck, vgcfgbackup and vgcfgrestore.</summary>
public sealed class CliMetadataTests
{
    [Fact]
    public async Task A_dump_is_what_pvck_dumps_and_each_sides_file_is_restored_by_the_other()
    {
        CliLun.SkipWithoutLoop();
        using var files = new CliScratch();
        using var bare = await CliLun.WithDomainAsync();
        (await CreateAsync(bare, "kept")).Succeeded();
        using var lun = bare.Copy(withLoop: true);
        var group = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_name").Output.Trim();
        var before = Volumes(lun);

        (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path, "--output", files.PathOf("ours"))).Succeeded();
        lun.Lvm.MustRun("pvck", "--dump", "metadata", "-f", files.PathOf("pvck"), lun.Path);
        Assert.Equal(File.ReadAllText(files.PathOf("pvck")), File.ReadAllText(files.PathOf("ours")));
        Assert.Equal(File.ReadAllText(files.PathOf("ours")), (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path)).Succeeded().Output);
        lun.Lvm.MustRun("vgcfgbackup", "-f", files.PathOf("theirs"), group);

        // Theirs, indented and commented, through us.
        (await CreateAsync(lun, "later")).Succeeded();
        Assert.NotEqual(before, Volumes(lun));
        (await CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", files.PathOf("theirs"), "--yes")).Succeeded();
        Assert.Equal(before, Volumes(lun));
        CleanlyRead(lun, group);

        // Ours, through them; our next commit goes on from it.
        lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "1", "-n", "foreign", group);
        lun.Lvm.MustRun("vgcfgrestore", "-y", "-f", files.PathOf("ours"), group);
        Assert.Equal(before, Volumes(lun));
        Assert.Equal("kept", Assert.Single((await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray()).GetProperty("alias").GetString());
        (await CliSpm.RunAsync("volume", "extend", "kept", "512M", "--lun", lun.Path)).Succeeded();
        CleanlyRead(lun, group);
    }

    [Fact]
    public async Task A_group_whose_headers_are_all_lost_comes_back_from_a_dump()
    {
        using var files = new CliScratch();
        using var lun = await CliLun.WithDomainAsync();
        (await CreateAsync(lun, "kept")).Succeeded();
        (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path, "--output", files.PathOf("dump"))).Succeeded();
        (await CliSpm.RunAsync("volume", "extend", "kept", "1G", "--lun", lun.Path)).Succeeded();
        (await CreateAsync(lun, "later")).Succeeded();
        var layout = await CliLayout.ReadAsync(lun);
        lun.Write(layout.Header(0), new byte[512]);
        lun.Write(layout.Header(1), new byte[512]);
        (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path)).Refused("no volume group can be read");
        var check = (await CliSpm.RunAsync("metadata", "check", "--lun", lun.Path)).Exits(1);
        Assert.Contains("no header names it", check.Output);

        (await CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", files.PathOf("dump"), "--yes")).Succeeded();
        var kept = (await CliSpm.RunAsync("volume", "info", "kept", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(128 * CliLun.Mib, kept.GetProperty("allocatedBytes").GetInt64());
        (await CliSpm.RunAsync("metadata", "check", "--lun", lun.Path)).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();

        // The journal knows what was acknowledged since; the next SPM leaves it lost, as the person wanted it.
        (await CliSpm.RunAsync("volume", "extend", "kept", "200M", "--lun", lun.Path)).Succeeded();
        var only = Assert.Single((await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray());
        Assert.Equal(("kept", 256 * CliLun.Mib), (only.GetProperty("alias").GetString(), only.GetProperty("allocatedBytes").GetInt64()));
    }

    /// A host that has a volume open would write into whatever lies in its extents afterwards.
    [Fact]
    public async Task Nothing_is_restored_while_anybody_lives_nor_what_does_not_belong_here()
    {
        using var files = new CliScratch();
        using var lun = await CliHold.WithLeaseAsync();
        var dump = files.PathOf("dump");
        (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path, "--output", dump)).Succeeded();
        Task<CliResult> RestoreAsync(string file) => CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", file, "--yes");

        var text = File.ReadAllText(dump);
        File.WriteAllText(files.PathOf("other"), text.Replace("id = \"", "id = \"0", StringComparison.Ordinal));
        (await RestoreAsync(files.PathOf("other"))).Exits(2);
        var uuid = text[(text.IndexOf("id = \"", StringComparison.Ordinal) + 6)..][..6];
        File.WriteAllText(files.PathOf("stranger"), text.Replace(uuid, "Stran6", StringComparison.Ordinal));
        (await RestoreAsync(files.PathOf("stranger"))).Refused("nothing is restored", "the file is of");
        File.WriteAllText(files.PathOf("moved"), Moved(text));
        (await RestoreAsync(files.PathOf("moved"))).Refused("nothing is restored", "special volume");
        File.WriteAllBytes(files.PathOf("garbage"), [.. Enumerable.Range(0, 9999).Select(i => (byte)(i * 7))]);
        (await RestoreAsync(files.PathOf("garbage"))).Misused("no text of a volume group");
        (await RestoreAsync(files.PathOf("absent"))).Refused("could not find");
        (await CliSpm.RunAsync("metadata", "restore", "--lun", lun.Path, "--file", dump)).Refused("--yes");
        (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path, "--output", dump)).Refused("already exists");

        var untouched = lun.Fingerprint();
        using var hold = CliHold.Start(lun, "sh", "-c", "echo held; read -r _");
        Assert.Equal("held", await hold.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        (await RestoreAsync(dump)).Refused("nothing is restored", "is held");
        await hold.StandardInput.WriteLineAsync();
        await hold.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(untouched, lun.Fingerprint()); // the hold itself wrote its leases
        (await RestoreAsync(dump)).Succeeded();
    }

    [Fact]
    public async Task A_copy_that_was_left_behind_is_compared_line_by_line_and_damage_is_what_vgck_sees_too()
    {
        CliLun.SkipWithoutLoop();
        using var bare = await CliLun.WithDomainAsync();
        using var lun = bare.Copy(withLoop: true);
        (await CreateAsync(lun, "first")).Succeeded();
        Assert.Equal(0, lun.Lvm.Run("vgck", (await CliLayout.ReadAsync(lun)).Domain).ExitCode);
        (await CliSpm.RunAsync("metadata", "check", "--lun", lun.Path)).Succeeded();

        var layout = await CliLayout.ReadAsync(lun);
        var old = lun.Read(layout.Header(1), 512);
        var second = (await CreateAsync(lun, "second")).Succeeded().Json.GetProperty("volume").GetString();
        (await CliSpm.RunAsync("volume", "extend", "first", "512M", "--lun", lun.Path)).Succeeded();
        lun.Write(layout.Header(1), old);
        var stale = (await CliSpm.RunAsync("metadata", "check", "--lun", lun.Path)).Exits(1);
        Assert.Contains($"volume '{second}' (1 extents) is missing in the older one", stale.Output);
        Assert.Contains("4 extents instead of 1", stale.Output);
        Assert.Contains("stale", stale.Output);

        layout = await CliLayout.ReadAsync(lun);
        lun.Write(layout.Header(0) + 24, new byte[8]);
        lun.Write(layout.Header(1) + 24, new byte[8]);
        Assert.NotEqual(0, lun.Lvm.Run("vgck", layout.Domain).ExitCode);
        Assert.NotEqual(0, lun.Lvm.Run("pvck", lun.Path).ExitCode);
        var broken = (await CliSpm.RunAsync("metadata", "check", "--lun", lun.Path, "--json")).Exits(1).Json;
        Assert.False(broken.GetProperty("ok").GetBoolean());
        Assert.Contains("WrongChecksum", broken.ToString());
    }

    static Task<CliResult> CreateAsync(CliLun lun, string alias) =>
        CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "4G", "--alias", alias, "--json");

    static string Volumes(CliLun lun) =>
        string.Join('\n', lun.Lvm.MustRun("lvs", "--noheadings", "-o", "lv_name,lv_size,lv_tags,seg_pe_ranges").Output.Split('\n').Select(line => line.Trim()).Order(StringComparer.Ordinal));

    static void CleanlyRead(CliLun lun, string group) =>
        Assert.All(lun.Lvm.MustRun("vgck", group).Lines, line => Assert.Contains("Activation disabled", line));

    /// <summary>The volume <c>ids</c> somewhere else.</summary>
    static string Moved(string text)
    {
        var at = text.IndexOf("\"pv0\", ", text.IndexOf("\nids {", StringComparison.Ordinal), StringComparison.Ordinal) + 7;
        return new StringBuilder(text).Remove(at, 1).Insert(at, "60").ToString();
    }
}
