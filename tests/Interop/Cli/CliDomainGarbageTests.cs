using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Cli;

/// <summary>Garbage as oVirt and stock lvm2 leave it, collected by the program.</summary>
public sealed class CliDomainGarbageTests
{
    const string Begun = "bbbbbbbb-0000-4000-8000-000000000009";

    [Fact]
    public async Task What_others_left_is_listed_without_a_write_and_collected_with_yes_and_the_rest_is_untouched()
    {
        DemoTools.Need("qemu-img");
        CliLun.SkipWithoutLoop();
        using var file = await CliLun.WithDomainAsync();
        using var lun = file.Copy(withLoop: true);
        var group = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_name").Output.Trim();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G", "--alias", "kept")).Succeeded();
        var marked = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--json")).Succeeded().Json;
        var (name, image) = (marked.GetProperty("volume").GetString()!, marked.GetProperty("image").GetString()!);
        lun.Lvm.MustRun("lvchange", "--deltag", $"IU_{image}", "--addtag", $"IU__remove_me_{image}", $"{group}/{name}");
        lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "1", "-n", Begun, "--addtag", "OVIRT_VOL_INITIALIZING", group);
        lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "1", "-n", "theirs", group);

        var before = lun.Fingerprint();
        var listed = (await CliSpm.RunAsync("domain", "gc", "--lun", lun.Path)).Succeeded().Output;
        Assert.Equal(before, lun.Fingerprint());
        Assert.Contains($"{Begun}: its creation did not end", listed, StringComparison.Ordinal);
        Assert.Contains($"{name}: it is marked as removed", listed, StringComparison.Ordinal);
        Assert.Contains("theirs", listed, StringComparison.Ordinal);
        Assert.Contains("2 would be collected with --yes, 1 only reported; nothing was changed", listed, StringComparison.Ordinal);

        var collected = (await CliSpm.RunAsync("domain", "gc", "--yes", "--lun", lun.Path)).Succeeded().Output;
        Assert.Contains("slot 2: ", collected, StringComparison.Ordinal);
        Assert.Contains("3 of 3 collected, 1 only reported", collected, StringComparison.Ordinal);
        lun.Lvm.MustRun("vgck", group);
        var left = lun.Lvm.Report("lvs", "lv", group, "-o", "lv_name").Select(lv => lv.GetProperty("lv_name").GetString()!).ToList();
        Assert.DoesNotContain(name, left);
        Assert.DoesNotContain(Begun, left);
        Assert.Equal(8 + 2, left.Count);
        var kept = (await CliSpm.RunAsync("volume", "info", "kept", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal("ready", kept.GetProperty("state").GetString());

        var again = (await CliSpm.RunAsync("domain", "gc", "--yes", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("items");
        Assert.Equal("theirs", Assert.Single(again.EnumerateArray()).GetProperty("place").GetString());
    }
}
