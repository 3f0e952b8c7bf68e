namespace OvirtSpm.Interop.Cli;

/// <summary>A host in a folder, with a disk of its own and a pool's LUN, as stock lvm2 sees it.</summary>
public sealed class CliHostSetupTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("# a person's\nbackup { backup = 0 }")]
    public async Task After_the_setup_stock_lvm2_opens_the_hosts_own_disk_and_not_the_LUN_until_it_is_taken_back(string? local)
    {
        CliLun.SkipWithoutLoop();
        using var domain = await CliLun.WithDomainAsync();
        using var device = LvmTool.Attach(domain.Image);
        using var own = LvmTool.AttachNew(1 << 28);
        using var files = new CliScratch();
        var root = files.PathOf("root");
        var (etc, names) = (Directory.CreateDirectory($"{root}/etc/lvm").FullName, Directory.CreateDirectory($"{root}/dev/disk/by-id").FullName);
        File.CreateSymbolicLink($"{names}/lun", device.Device);
        File.CreateSymbolicLink($"{names}/own", own.Device);
        File.WriteAllText($"{etc}/lvm.conf", $"devices {{\n\tscan = [\"{root}/dev\"]\n\tobtain_device_list_from_udev = 0\n\tuse_devicesfile = 0\n\thints = \"none\"\n\tglobal_filter = [ \"r|nothing|\" ]\n}}\nbackup {{\n\tarchive = 0\n\tbackup = 0\n}}\n");
        if (local is not null)
        {
            File.WriteAllText($"{etc}/lvmlocal.conf", local);
        }
        own.MustRun("vgcreate", "own", own.Device);
        var before = Said(etc);
        Assert.Equal((true, true), await SeenAsync(etc));
        Task<CliResult> SetupAsync(params string[] arguments) => CliSpm.RunAsync(["host", "setup", "--root", root, .. arguments]);

        var shown = (await SetupAsync("--lun", $"{names}/lun")).Succeeded().Output;
        Assert.Contains($"+++ {etc}/lvmlocal.conf", shown, StringComparison.Ordinal);
        Assert.Contains($"\"r|^{names}/lun$|\"", shown.Replace("[.]", ".", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("Nothing was written", shown, StringComparison.Ordinal);
        Assert.Equal(before, Said(etc));
        (await SetupAsync("--lun", $"{names}/own", "--yes")).Refused("volume group 'own'", "not a storage domain");
        (await SetupAsync("--lun", device.Device, "--yes")).Refused("no name that stays the same", "/dev/disk/by-id");
        (await SetupAsync("--yes")).Misused("--lun");
        Assert.Equal(before, Said(etc));

        var done = (await SetupAsync("--lun", $"{names}/lun", "--yes")).Succeeded().Output;
        Assert.Equal(shown.Split("Nothing was")[0], done[..shown.IndexOf("Nothing was", StringComparison.Ordinal)]);
        Assert.Equal((false, true), await SeenAsync(etc));
        if (CliTool.Exists("strace"))
        {
            var trace = files.PathOf("trace");
            await CliTool.RunAsync("env", $"LVM_SYSTEM_DIR={etc}", "strace", "-f", "-e", "trace=open,openat", "-o", trace, "lvm", "pvs", "--driverloaded", "n");
            var opened = File.ReadAllText(trace);
            Assert.Contains($"{names}/own\"", opened, StringComparison.Ordinal);
            Assert.DoesNotContain($"{names}/lun\"", opened, StringComparison.Ordinal);
            Assert.DoesNotContain($"{device.Device}\"", opened, StringComparison.Ordinal);
        }
        // Both filters count, and the host works with its own group as before.
        Assert.Contains("r|nothing|", await LvmAsync(etc, "lvmconfig", "devices/global_filter"), StringComparison.Ordinal);
        await LvmAsync(etc, "vgchange", "--addtag", "still", "own");
        Assert.Equal(local, File.Exists($"{etc}/lvmlocal.conf.before-spm") ? File.ReadAllText($"{etc}/lvmlocal.conf.before-spm") : null);

        var after = Said(etc);
        Assert.Contains("Nothing is to be done", (await SetupAsync("--lun", $"{names}/lun", "--yes")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(after, Said(etc));

        Assert.Contains("Nothing was written", (await SetupAsync("--undo")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(after, Said(etc));
        (await SetupAsync("--undo", "--yes")).Succeeded();
        Assert.Equal(before, Said(etc));
        Assert.Equal((true, true), await SeenAsync(etc));
    }

    /// <summary>Every file there with all it says.</summary>
    static string Said(string folder) =>
        string.Join('\n', Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(path => $"== {path}\n{File.ReadAllText(path)}"));

    static async Task<(bool Lun, bool Own)> SeenAsync(string etc)
    {
        var seen = await LvmAsync(etc, "pvs", "--noheadings", "-o", "pv_name");
        return (seen.Contains("/lun", StringComparison.Ordinal), seen.Contains("/own", StringComparison.Ordinal));
    }

    static Task<string> LvmAsync(string etc, string command, params string[] arguments) =>
        CliTool.RunAsync("env", [$"LVM_SYSTEM_DIR={etc}", "LVM_SUPPRESS_FD_WARNINGS=1", "lvm", command, "--driverloaded", "n", .. arguments]);
}
