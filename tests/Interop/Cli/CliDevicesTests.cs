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
