using OvirtSpm.Interop.Cli;

namespace OvirtSpm.Interop;

/// <summary>A guarded domain before stock lvm2 of a host that knows nothing of it.</summary>
public sealed class LvmGuardTests
{
    [Fact]
    public async Task Every_careless_command_is_refused_while_the_guard_is_on_and_changes_the_group_when_it_is_off()
    {
        CliLun.SkipWithoutLoop();
        using var files = new CliScratch();
        using var domain = await DomainAsync();
        using var plain = domain.Copy();
        var backup = files.PathOf("before");
        using (var host = Host.Of(plain))
        {
            host.Lvm.MustRun("vgcfgbackup", "-f", backup, host.Group);
        }
        (await CliSpm.RunAsync("domain", "guard", "on", "--lun", domain.Path)).Succeeded();
        var untouched = domain.Fingerprint();
        using (var host = Host.Of(domain, backup))
        {
            Assert.All(LvmCareless.Refused, careless =>
            {
                var refused = careless.Run(host.Lvm, host.Named);
                Assert.True(refused.ExitCode != 0, $"{careless} exits 0: {refused.Output}{refused.Error}");
                Assert.Contains($"system ID ovirt-spm.{host.Group}", refused.Error + refused.Output, StringComparison.Ordinal);
                Assert.True(untouched == domain.Fingerprint(), $"{careless} wrote something");
            });
            Reads(host);
            Assert.Equal(untouched, domain.Fingerprint());
        }
        Assert.All(LvmCareless.Refused, careless => Changes(plain, careless, backup));
        Assert.All(LvmCareless.NotStopped, careless => Changes(domain, careless, backup));
    }

    /// Which of the commands that only look need to be told that the group is another system's.
    static void Reads(Host host)
    {
        foreach (var (command, columns) in ((string, string)[])[("lvs", "lv_name"), ("vgs", "vg_name,systemid"), ("pvs", "pv_name,vg_name")])
        {
            Assert.DoesNotContain(host.Group, host.Lvm.MustRun(command, "--noheadings", "-o", columns).Output, StringComparison.Ordinal);
            Assert.Contains(command == "lvs" ? "metadata" : host.Group, host.Lvm.MustRun(command, "--foreign", "--noheadings", "-o", columns).Output, StringComparison.Ordinal);
        }
        Assert.NotEqual(0, host.Lvm.Run("vgck", host.Group).ExitCode);
        Assert.NotEqual(0, host.Lvm.Run("vgcfgbackup", "-f", "/dev/null", host.Group).ExitCode);
        host.Lvm.MustRun("pvck", host.Lvm.Device);
        Assert.Contains("system_id = \"ovirt-spm.", host.Lvm.MustRun("pvck", "--dump", "metadata", host.Lvm.Device).Output, StringComparison.Ordinal);
        // A host that was told the id on purpose may do everything, and finds nothing to complain of.
        host.LetIn();
        host.Lvm.MustRun("vgck", host.Group);
        Assert.Equal(9, host.Lvm.Report("lvs", "lv", host.Group).Count);
    }

    /// <summary>On a copy of its own.</summary>
    static void Changes(CliLun from, LvmCareless careless, string backup)
    {
        using var copy = from.Copy();
        var before = copy.Fingerprint();
        using var host = Host.Of(copy, backup);
        var done = careless.Run(host.Lvm, host.Named);
        Assert.True(done.ExitCode == 0, $"{careless}: {done.Error}");
        Assert.True(before != copy.Fingerprint(), $"{careless} changed nothing");
    }

    /// The words that stock lvm2 writes itself when it rewrites a guarded group are those that we wrote.
    [Fact]
    public async Task Stock_lvm2_that_was_let_in_writes_the_guard_as_we_do_and_we_go_on_after_it()
    {
        CliLun.SkipWithoutLoop();
        using var domain = await DomainAsync();
        (await CliSpm.RunAsync("domain", "guard", "on", "--lun", domain.Path)).Succeeded();
        var ours = await SaidAsync(domain);
        using (var host = Host.Of(domain))
        {
            host.LetIn();
            host.Lvm.MustRun("lvchange", "--addtag", "told", $"{host.Group}/master");
        }
        Assert.Equal(ours, await SaidAsync(domain));
        var volume = (await CliSpm.RunAsync("volume", "create", "--lun", domain.Path, "--size", "256M", "--format", "raw", "--no-zero", "--json")).Succeeded().Json.GetProperty("volume").GetString()!;
        (await CliSpm.RunAsync("volume", "extend", volume, "512M", "--lun", domain.Path)).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", domain.Path)).Succeeded();

        var shown = (await CliSpm.RunAsync("domain", "guard", "show", "--lun", domain.Path)).Succeeded().Output;
        Assert.Contains("on", shown, StringComparison.Ordinal);
        Assert.Contains("vgcfgrestore", shown, StringComparison.Ordinal);
        (await CliSpm.RunAsync("domain", "guard", "off", "--lun", domain.Path)).Succeeded();
        Assert.False((await CliSpm.RunAsync("domain", "guard", "show", "--lun", domain.Path, "--json")).Succeeded().Json.GetProperty("on").GetBoolean());
        using var free = Host.Of(domain);
        free.Lvm.MustRun("vgck", free.Group);
        Assert.All(free.Lvm.Report("lvs", "lv", free.Group, "-o", "lv_attr"), lv => Assert.StartsWith("-w", lv.GetProperty("lv_attr").GetString(), StringComparison.Ordinal));
    }

    /// <summary>All lines of the text that say who may write.</summary>
    static async Task<string[]> SaidAsync(CliLun lun) =>
        [.. (await CliSpm.RunAsync("metadata", "dump", "--lun", lun.Path)).Succeeded().Output.Split('\n')
            .Where(line => line.StartsWith("status", StringComparison.Ordinal) || line.StartsWith("flags", StringComparison.Ordinal) || line.StartsWith("system_id", StringComparison.Ordinal))];

    static async Task<CliLun> DomainAsync()
    {
        var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "512M", "--format", "raw", "--no-zero", "--uuid", Host.Volume)).Succeeded();
        return lun;
    }

    /// <summary>A host with a device of its own, a spare one, and the domain's.</summary>
    sealed class Host : IDisposable
    {
        public const string Volume = "aaaaaaaa-1111-2222-3333-444444444444";
        readonly LvmTool spare = LvmTool.AttachNew(1 << 30), other = LvmTool.AttachNew(1 << 30);
        readonly string backup;

        Host(string image, string backup)
        {
            this.backup = backup;
            Lvm = LvmTool.Attach(image, 512, spare, other);
            other.MustRun("vgcreate", "-s", "128m", "other", other.Device);
            Group = Lvm.MustRun("vgs", "--foreign", "--noheadings", "-o", "vg_name").Output.Split('\n', StringSplitOptions.TrimEntries).First(name => name.Length == 36);
        }

        public LvmTool Lvm { get; }

        public string Group { get; }

        public static Host Of(CliLun lun, string backup = "") => new(lun.Image, backup);

        public string Named(string word) => word switch
        {
            "VG" => Group, "LV" => Volume, "PV" => Lvm.Device, "SPARE" => spare.Device, "OTHER" => "other", "FILE" => backup, _ => word,
        };

        /// <summary>As a person does on purpose.</summary>
        public void LetIn() => Lvm.Settings = $"global{{system_id_source=\"lvmlocal\"}} local{{system_id=\"hostA\" extra_system_ids=[\"ovirt-spm.{Group}\"]}}";

        public void Dispose()
        {
            Lvm.Dispose();
            spare.Dispose();
            other.Dispose();
        }
    }
}
