using OvirtSpm.Interop.Qemu;

namespace OvirtSpm.Interop.Cli;

/// <summary>A domain over several devices, as stock lvm2 sees it: oVirt's way, one of them with two used metadata areas, the others with ignored ones.</summary>
public sealed class CliDevicesTests
{
    [Fact]
    public async Task Stock_lvm2_agrees_with_a_domain_that_was_made_over_two_devices_and_made_larger_by_a_third()
    {
        CliLun.SkipWithoutLoop();
        using var first = CliLun.Of(12 * CliLun.Gib);
        using var second = CliLun.Of(2 * CliLun.Gib);
        using var third = CliLun.Of(3 * CliLun.Gib);
        (await CliSpm.RunAsync("domain", "create", "--lun", first.Path, "--device", second.Path, "--io-timeout", "1", "--watchdog-timeout", "0")).Succeeded();
        (await CliSpm.RunAsync("domain", "add-device", "--lun", first.Path, third.Path)).Succeeded();
        // Asked twice, added once.
        Assert.Contains("already", (await CliSpm.RunAsync("domain", "add-device", "--lun", first.Path, third.Path)).Succeeded().Output, StringComparison.Ordinal);
        // Found where they were added: no option says where they are. The emptiest device gives.
        (await CliSpm.RunAsync("volume", "create", "--lun", first.Path, "--size", "9G", "--format", "raw", "--no-zero")).Succeeded();
        (await CliSpm.RunAsync("volume", "create", "--lun", first.Path, "--size", "1G", "--format", "raw")).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", first.Path)).Succeeded();

        using var two = LvmTool.Attach(second.Image);
        using var three = LvmTool.Attach(third.Image);
        using var lvm = LvmTool.Attach(first.Image, 512, two, three);
        var group = Assert.Single(lvm.Report("vgs", "vg", "-o", "vg_name,pv_count,vg_mda_used_count,vg_extent_count,vg_missing_pv_count"));
        Assert.Equal(("3", "2", "0"), (Text(group, "pv_count"), Text(group, "vg_mda_used_count"), Text(group, "vg_missing_pv_count")));
        var pvs = lvm.Report("pvs", "pv", "-o", "pv_name,pv_mda_count,pv_mda_used_count,pv_in_use,pv_pe_count").ToDictionary(pv => Text(pv, "pv_name"));
        Assert.Equal(("2", "2", "used"), (Text(pvs[lvm.Device], "pv_mda_count"), Text(pvs[lvm.Device], "pv_mda_used_count"), Text(pvs[lvm.Device], "pv_in_use")));
        Assert.All(new[] { two, three }, other => Assert.Equal(
            ("2", "0", "used"), (Text(pvs[other.Device], "pv_mda_count"), Text(pvs[other.Device], "pv_mda_used_count"), Text(pvs[other.Device], "pv_in_use"))));
        lvm.MustRun("vgck", Text(group, "vg_name"));
        Assert.All(new[] { lvm, two, three }, one => lvm.MustRun("pvck", one.Device));
        var used = lvm.Report("lvs", "seg", "--segments", "-o", "lv_name,seg_pe_ranges").Select(segment => Text(segment, "seg_pe_ranges").Split(':')[0]).ToHashSet();
        Assert.Contains(lvm.Device, used);
        Assert.True(used.Count > 1, "no volume lies on another device");

        // What stock lvm2 writes is adopted: the group is the same for both. Its own vgextend leaves no more behind than ours.
        lvm.MustRun("vgchange", "--addtag", "seen_by_lvm2", Text(group, "vg_name"));
        (await CliSpm.RunAsync("volume", "create", "--lun", first.Path, "--size", "128M", "--format", "raw")).Succeeded();
        lvm.MustRun("vgck", Text(group, "vg_name"));
    }

    [Fact]
    public async Task LUNs_that_were_made_larger_are_taken_in_and_stock_lvm2_agrees()
    {
        CliLun.SkipWithoutLoop();
        using var one = await CliLun.WithDomainAsync();
        using var two = CliLun.Of(2 * CliLun.Gib);
        (await CliSpm.RunAsync("domain", "add-device", "--lun", one.Path, two.Path)).Succeeded();
        // To the last extent: what is given afterwards lies where the metadata areas were.
        var free = (await CliSpm.RunAsync("domain", "info", "--lun", one.Path, "--json")).Succeeded().Json.GetProperty("freeBytes").GetInt64();
        (await CliSpm.RunAsync("volume", "create", "--lun", one.Path, "--size", $"{free}", "--format", "raw", "--no-zero", "--alias", "full")).Succeeded();
        Assert.Contains("no room for more", (await CliSpm.RunAsync("domain", "resize-device", "--lun", one.Path)).Succeeded().Output, StringComparison.Ordinal);
        foreach (var (lun, gib) in new[] { (one, 14), (two, 3) })
        {
            using var file = File.OpenHandle(lun.Image, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.SetLength(file, gib * CliLun.Gib);
        }
        Assert.Contains("2 GiB more", (await CliSpm.RunAsync("domain", "info", "--lun", one.Path)).Succeeded().Output, StringComparison.Ordinal);

        var resized = (await CliSpm.RunAsync("domain", "resize-device", "--lun", one.Path, "--json")).Succeeded().Json.EnumerateArray()
            .Select(device => device.GetProperty("bytes").GetInt64() - device.GetProperty("beforeBytes").GetInt64()).ToList();
        Assert.Equal([2 * CliLun.Gib, CliLun.Gib], resized);
        (await CliSpm.RunAsync("volume", "create", "--lun", one.Path, "--size", "3G", "--format", "raw", "--alias", "new")).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", one.Path)).Succeeded();

        using (var second = LvmTool.Attach(two.Image))
        using (var first = LvmTool.Attach(one.Image, 512, second))
        {
            var pvs = first.Report("pvs", "pv", "-o", "pv_name,dev_size,pv_pe_count,pv_free,pv_mda_count,pv_mda_used_count").ToDictionary(pv => Text(pv, "pv_name"));
            Assert.Equal(($"{14 * CliLun.Gib}", "2", "2"), (Text(pvs[first.Device], "dev_size"), Text(pvs[first.Device], "pv_mda_count"), Text(pvs[first.Device], "pv_mda_used_count")));
            Assert.Equal(($"{3 * CliLun.Gib}", "2", "0"), (Text(pvs[second.Device], "dev_size"), Text(pvs[second.Device], "pv_mda_count"), Text(pvs[second.Device], "pv_mda_used_count")));
            var group = Text(Assert.Single(first.Report("vgs", "vg", "-o", "vg_name")), "vg_name");
            first.MustRun("vgck", group);
            Assert.All(new[] { first, second }, pv => first.MustRun("pvck", pv.Device));
            // Its own pvresize has nothing to add: it would have come to the same.
            first.MustRun("pvresize", first.Device);
            Assert.Equal(Text(pvs[first.Device], "pv_pe_count"), Text(first.Report("pvs", "pv", "-o", "pv_pe_count", first.Device).Single(), "pv_pe_count"));
            first.MustRun("vgchange", "--addtag", "seen_by_lvm2", group);
            (await CliSpm.RunAsync("volume", "delete", "new", "--lun", first.Device)).Succeeded();
            (await CliSpm.RunAsync("domain", "check", "--lun", first.Device)).Succeeded();
        }

        // Cut again, below extents that are in use: nothing is given away, nothing is written.
        using (var file = File.OpenHandle(one.Image, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.SetLength(file, 13 * CliLun.Gib);
        }
        var before = one.Fingerprint();
        (await CliSpm.RunAsync("domain", "resize-device", "--lun", one.Path, "--device", two.Path)).Refused("extents are missing");
        Assert.Equal(before, one.Fingerprint());
    }

    /// A device made of a domain's own extents would put volumes over each other; the label is not there to tell.
    [Fact]
    public async Task What_lies_on_a_device_of_the_domain_is_not_added_to_it()
    {
        CliLun.SkipWithoutLoop();
        using var lun = await CliLun.WithDomainAsync();
        using var other = CliLun.Of(2 * CliLun.Gib);
        using var first = LvmTool.Attach(lun.Image);
        var part = (await CliTool.RunAsync("losetup", "--show", "-f", "-o", $"{8 * CliLun.Gib}", "--sizelimit", $"{2 * CliLun.Gib}", lun.Image)).Trim();
        try
        {
            var before = lun.Fingerprint();
            // Of the file, and of the loop device over it.
            (await CliSpm.RunAsync("domain", "add-device", "--lun", lun.Image, part)).Refused("lies on", "nothing was written");
            (await CliSpm.RunAsync("domain", "add-device", "--lun", first.Device, part)).Refused("same file", "nothing was written");
            Assert.Equal(before, lun.Fingerprint());
        }
        finally
        {
            await CliTool.RunAsync("losetup", "-d", part);
        }
        (await CliSpm.RunAsync("domain", "add-device", "--lun", lun.Image, other.Path)).Succeeded();
        Assert.Equal(0, (await CliSpm.RunAsync("domain", "check", "--lun", lun.Image)).ExitCode);
    }

    /// Hosts have volume groups and disks of their own; nobody may be surprised by a program that looks into them.
    [Fact]
    public async Task No_other_device_than_the_domains_own_is_opened()
    {
        CliLun.SkipWithoutLoop();
        Assert.SkipUnless(CliTool.Exists("strace"), "strace: which files are opened; install strace");
        using var files = new CliScratch();
        using var lun = await CliLun.WithDomainAsync();
        using var first = LvmTool.Attach(lun.Image);
        // Somebody else's, with a label that a search would find.
        using var stranger = CliLun.LoopOf(2 * CliLun.Gib);
        stranger.Lvm.MustRun("pvcreate", "-y", stranger.Path);
        var log = files.PathOf("trace");
        foreach (var verb in new string[][]
        {
            ["volume", "create", "--size", "1G", "--alias", "disk"], ["volume", "extend", "disk", "512M"], ["volume", "list"], ["domain", "check"], ["metadata", "check"],
            ["domain", "gc", "--yes"], ["volume", "delete", "disk", "--wipe"],
        })
        {
            await CliTool.RunAsync("strace", ["-f", "-qq", "-e", "trace=open,openat,openat2", "-o", log, CliSpm.Program, .. verb, "--lun", first.Device]);
            var opened = (await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken))
                .Select(line => line.Split('"')).Where(parts => parts.Length > 2 && parts[2].Contains("= ", StringComparison.Ordinal) && !parts[2].Contains("= -1", StringComparison.Ordinal))
                .Select(parts => parts[1]).ToHashSet();
            Assert.Contains(first.Device, opened);
            Assert.All(opened.Where(path => path.StartsWith("/dev/", StringComparison.Ordinal)), path => Assert.True(
                path == first.Device || path is "/dev/null" or "/dev/urandom" or "/dev/random" or "/dev/tty" || path.StartsWith("/dev/shm/", StringComparison.Ordinal) || path.StartsWith("/dev/pts", StringComparison.Ordinal),
                $"{string.Join(' ', verb)} opens {path}"));
            Assert.DoesNotContain(stranger.Image, opened);
        }
    }

    [Fact]
    public async Task A_domain_of_4096_byte_sectors_over_two_devices_keeps_disks_on_both()
    {
        CliLun.SkipWithoutLoop();
        var img = QemuTool.Need("qemu-img", "qemu-utils");
        using var files = new CliScratch();
        using var one = CliLun.Of(12 * CliLun.Gib);
        using var two = CliLun.Of(6 * CliLun.Gib);
        using var small = CliLun.Of(2 * CliLun.Gib);
        using var second = LvmTool.Attach(two.Image, 4096);
        using var first = LvmTool.Attach(one.Image, 4096, second);
        (await CliSpm.RunAsync("domain", "create", "--lun", first.Device, "--device", second.Device, "--io-timeout", "1", "--watchdog-timeout", "0")).Succeeded();
        // Sectors of another size would be another domain's.
        (await CliSpm.RunAsync("domain", "add-device", "--lun", first.Device, small.Path)).Refused("sectors of 512");
        var disk = files.PathOf("disk");
        var bytes = new byte[(24 << 20) + 512];
        new Random(5).NextBytes(bytes);
        await File.WriteAllBytesAsync(disk, bytes, TestContext.Current.CancellationToken);
        foreach (var format in new[] { "cow", "raw" })
        {
            (await CliSpm.RunAsync("volume", "import", disk, "--format", "raw", "--as", format, "--size", "2G", "--alias", format, "--lun", first.Device)).Succeeded();
        }
        // More than either device has left in one piece.
        (await CliSpm.RunAsync("volume", "create", "--lun", first.Device, "--size", "9G", "--format", "raw", "--no-zero", "--alias", "wide")).Succeeded();
        (await CliSpm.RunAsync("volume", "extend", "cow", "512M", "--lun", first.Device)).Succeeded();
        (await CliSpm.RunAsync("volume", "create", "--parent", "cow", "--alias", "top", "--lun", first.Device)).Succeeded();
        (await CliSpm.RunAsync("volume", "merge", "top", "--lun", first.Device)).Succeeded();
        foreach (var format in new[] { "cow", "raw" })
        {
            var back = files.PathOf("back-" + format);
            (await CliSpm.RunAsync("volume", "export", format, back, "--format", "qcow2", "--lun", first.Device)).Succeeded();
            Assert.Contains("identical", await QemuTool.RunAsync(img, "compare", "-f", "raw", "-F", "qcow2", disk, back), StringComparison.Ordinal);
        }
        var used = first.Report("lvs", "seg", "--segments", "-o", "lv_name,seg_pe_ranges").Select(segment => Text(segment, "seg_pe_ranges").Split(':')[0]).ToHashSet();
        Assert.Equal([first.Device, second.Device], used.Order(StringComparer.Ordinal).Where(device => device.StartsWith("/dev/loop", StringComparison.Ordinal)).ToHashSet().OrderBy(device => device != first.Device));
        (await CliSpm.RunAsync("volume", "delete", "wide", "--discard", "--lun", first.Device)).Succeeded();
        (await CliSpm.RunAsync("volume", "delete", "raw", "--wipe", "--lun", first.Device)).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", first.Device)).Succeeded();
        first.MustRun("vgck", Text(Assert.Single(first.Report("vgs", "vg", "-o", "vg_name")), "vg_name"));
        Assert.All(new[] { first, second }, pv => first.MustRun("pvck", pv.Device));
    }

    [Fact]
    public async Task What_holds_anything_is_not_added_and_a_removed_domain_leaves_empty_devices()
    {
        CliLun.SkipWithoutLoop();
        using var lun = await CliLun.WithDomainAsync();
        using var other = CliLun.Of(2 * CliLun.Gib);
        using (var pv = LvmTool.Attach(other.Image))
        {
            pv.MustRun("pvcreate", "-y", "--metadatasize", "128m", "--metadatacopies", "2", "--metadataignore", "y", pv.Device);
        }
        var before = other.Fingerprint();
        var refused = await CliSpm.RunAsync("domain", "add-device", "--lun", lun.Path, other.Path);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("LVM2 physical volume", refused.Error, StringComparison.Ordinal);
        Assert.Equal(before, other.Fingerprint());
        other.Write(0, new byte[8192]);
        (await CliSpm.RunAsync("domain", "add-device", "--lun", lun.Path, other.Path)).Succeeded();
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Succeeded();
        (await CliSpm.RunAsync("domain", "create", "--lun", other.Path, "--io-timeout", "1", "--watchdog-timeout", "0")).Refused("at least");
        using var third = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("domain", "add-device", "--lun", third.Path, other.Path)).Succeeded();
    }

    static string Text(System.Text.Json.JsonElement line, string name) => line.GetProperty(name).GetString()!;
}
