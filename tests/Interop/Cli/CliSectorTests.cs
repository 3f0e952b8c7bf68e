using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Cli;

public sealed class CliSectorTests
{
    [Fact]
    public async Task A_domain_on_4096_byte_sectors_is_made_filled_and_read_by_stock_lvm2()
    {
        CliLun.SkipWithoutLoop();
        DemoTools.Need("qemu-img");
        using var lun = CliLun.LoopOf(12 * CliLun.Gib, sectorSize: 4096);
        await lun.CreateDomainAsync();
        await FillAsync(lun);
        var group = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_name").Output.Trim();
        lun.Lvm.MustRun("vgck", group);
        Assert.Equal(10, lun.Lvm.Report("lvs", "lv", group).Count);
        (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path, "--sector-size", "512")).Refused("4096");
    }

    [Fact]
    public async Task A_file_with_4096_byte_sectors_needs_the_option_and_says_so()
    {
        DemoTools.Need("qemu-img");
        using var lun = CliLun.Of(12 * CliLun.Gib);
        await lun.CreateDomainAsync("--sector-size", "4096");
        await FillAsync(lun, "--sector-size", "4096");
        var before = lun.Fingerprint();
        (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path)).Refused("4096", "--sector-size");
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G")).Refused("4096", "--sector-size");
        Assert.Equal(before, lun.Fingerprint());
    }

    static async Task FillAsync(CliLun lun, params string[] more)
    {
        (await CliSpm.RunAsync(["volume", "create", "--lun", lun.Path, "--size", "1G", "--alias", "thin", .. more])).Succeeded();
        (await CliSpm.RunAsync(["volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--alias", "thick", .. more])).Succeeded();
        (await CliSpm.RunAsync(["volume", "extend", "thin", "512M", "--lun", lun.Path, .. more])).Succeeded();
        (await CliSpm.RunAsync(["domain", "check", "--lun", lun.Path, .. more])).Succeeded();
        var info = (await CliSpm.RunAsync(["domain", "info", "--lun", lun.Path, "--json", .. more])).Succeeded().Json;
        Assert.Equal(4096, info.GetProperty("sectorSize").GetInt32());
        Assert.False(info.GetProperty("usableByOvirt").GetBoolean());
        Assert.Equal(2, (await CliSpm.RunAsync(["volume", "list", "--lun", lun.Path, "--json", .. more])).Succeeded().Json.GetArrayLength());
    }
}
