using System.Text.Json;
using OvirtSpm.Interop.Cli;

namespace OvirtSpm.Interop.Ovirt;

/// <summary>A domain of oVirt as it is: every reading verb tells what is there, and not a byte of the LUN changes.</summary>
public sealed class OvirtReadTests(OvirtTemplates templates) : IClassFixture<OvirtTemplates>
{
    [Theory]
    [InlineData(5)]
    [InlineData(4)]
    public async Task Domain_volumes_and_image_ends_are_read_without_a_write(int version)
    {
        using var domain = await templates.CopyAsync(version);
        var before = domain.Lun.Fingerprint();

        var info = (await CliSpm.RunAsync("domain", "info", "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.Equal((OvirtDomain.Uuid, version, false, 0L), (Text(info, "domain"), info.GetProperty("version").GetInt32(), info.GetProperty("adopted").GetBoolean(), Number(info, "epoch")));
        Assert.Contains("read only", (await CliSpm.RunAsync("domain", "info", "--lun", domain.Path)).Succeeded().Output, StringComparison.Ordinal);

        var listed = (await CliSpm.RunAsync("volume", "list", "--lun", domain.Path, "--json")).Succeeded().Json.EnumerateArray().ToDictionary(volume => Text(volume, "volume"));
        Assert.Equal([.. OvirtVolume.Usual.Select(volume => volume.Name), OvirtDomain.Stray], listed.Keys.Order(StringComparer.Ordinal));
        foreach (var volume in OvirtVolume.Usual)
        {
            var seen = listed[volume.Name];
            Assert.Empty(seen.GetProperty("problems").EnumerateArray());
            Assert.Equal(
                (volume.Image, volume.Parent, volume.Alias, volume.Cow ? "cow" : "raw", volume.CapacityGib * CliLun.Gib, volume.Extents * 128 * CliLun.Mib, (long)volume.SlotOf(version), "ready"),
                (Text(seen, "image"), seen.TryGetProperty("parent", out var parent) ? parent.GetString() : null, Text(seen, "alias"), Text(seen, "format"),
                    Number(seen, "virtualSizeBytes"), Number(seen, "allocatedBytes"), Number(seen, "slot"), Text(seen, "state")));
            Assert.Equal(volume.Role switch { "SHARED" => "template", "INTERNAL" => "internal", _ => "leaf" }, Text(seen, "role"));
            Assert.Equal(seen.ToString(), (await CliSpm.RunAsync("volume", "info", volume.Name, "--lun", domain.Path, "--json")).Succeeded().Json.ToString());
        }

        var ends = (await CliSpm.RunAsync("image", "end", "--lun", domain.Path, "--json")).Succeeded().Json.EnumerateArray().ToDictionary(end => Text(end, "volume"));
        Assert.Equal(OvirtVolume.Usual.Where(volume => volume.Cow).Select(volume => volume.Name), ends.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, end) in ends)
        {
            Assert.Equal(await EndByQemuAsync(domain, name), Number(end, "endOffset"));
        }

        // What is wrong is the one LV that is no disk; the rest of the domain is found good.
        var check = (await CliSpm.RunAsync("domain", "check", "--lun", domain.Path)).Exits(1).Output.Split('\n');
        Assert.Contains(OvirtDomain.Stray, Assert.Single(check, line => line.StartsWith("WRONG", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains(check, line => line.Contains($"version {version}", StringComparison.Ordinal) && line.Contains("not adopted", StringComparison.Ordinal));
        Assert.Equal(before, domain.Lun.Fingerprint());
    }

    [Fact]
    public async Task Every_writing_verb_is_refused_with_the_way_out_before_a_byte_is_written()
    {
        foreach (var (version, words) in new[] { (5, "spm domain adopt"), (4, "Upgrade it to version 5 in oVirt") })
        {
            using var domain = await templates.CopyAsync(version);
            var before = domain.Lun.Fingerprint();
            var disk = OvirtVolume.Usual[2].Name;
            foreach (var verb in new string[][]
            {
                ["volume", "create", "--size", "1G"], ["volume", "extend", disk, "3G"], ["volume", "delete", disk], ["volume", "create", "--parent", disk],
                ["lease", "create", "--name", "vm-1"], ["domain", "remove", "--yes"], ["journal", "show"], ["node", "--host-id", "1", "--state", domain.Lun.Image + ".state"],
            })
            {
                (await CliSpm.RunAsync([.. verb, "--lun", domain.Path])).Refused(words);
            }
            if (version == 4)
            {
                (await CliSpm.RunAsync("domain", "adopt", "--lun", domain.Path)).Refused("version 4", words);
                (await CliSpm.RunAsync("domain", "adopt", "--lun", domain.Path, "--yes")).Refused("version 4", words);
            }
            Assert.Equal(before, domain.Lun.Fingerprint());
            if (Directory.Exists(domain.Lun.Image + ".state"))
            {
                Directory.Delete(domain.Lun.Image + ".state", recursive: true);
            }
        }
    }

    [Fact]
    public async Task A_domain_that_hosts_of_oVirt_use_is_not_wiped_and_its_volumes_count_as_perhaps_active()
    {
        using var domain = await templates.CopyAsync();
        await domain.SanlockAsync("acquire_id", "-s", domain.Lockspace(3), "-e", "vdsm-host-3", "-o", "1");
        var before = domain.Lun.Fingerprint();
        (await CliSpm.RunAsync("domain", "create", "--lun", domain.Path, "--wipe")).Refused("nothing is wiped", "host id 3 ('vdsm-host-3')");
        var disk = (await CliSpm.RunAsync("volume", "info", OvirtVolume.Usual[2].Name, "--lun", domain.Path, "--json")).Succeeded().Json;
        Assert.Contains("vdsm-host-3", Assert.Single(disk.GetProperty("activeOn").EnumerateArray()).GetString(), StringComparison.Ordinal);
        Assert.Equal(before, domain.Lun.Fingerprint());
    }

    [Fact]
    public async Task A_domain_of_version_3_and_another_device_of_a_domain_are_named_and_left_alone()
    {
        using var domain = await templates.CopyAsync();
        domain.Lun.Lvm.MustRun("vgchange", "--autobackup", "n", "--deltag", "MDT_VERSION=5", "--addtag", "MDT_VERSION=3", "--deltag", domain.GroupTags().Single(tag => tag.StartsWith("MDT__SHA_CKSUM", StringComparison.Ordinal)), OvirtDomain.Uuid);
        var before = domain.Lun.Fingerprint();
        (await CliSpm.RunAsync("volume", "list", "--lun", domain.Path)).Refused("not of version 5", "upgrade it with oVirt");
        (await CliSpm.RunAsync("domain", "create", "--lun", domain.Path, "--wipe")).Refused("nothing is wiped", "oVirt");
        Assert.Equal(before, domain.Lun.Fingerprint());
    }

    static async Task<long> EndByQemuAsync(OvirtDomain domain, string volume)
    {
        var place = domain.OffsetOf(volume);
        var json = await CliTool.RunAsync("qemu-img", "check", "--output=json", $"json:{{\"driver\":\"qcow2\",\"file\":{{\"driver\":\"raw\",\"offset\":{place},\"size\":{256 * CliLun.Mib},\"file\":{{\"driver\":\"file\",\"filename\":\"{domain.Lun.Image}\"}}}},\"backing\":null}}");
        return JsonDocument.Parse(json[..(json.LastIndexOf('}') + 1)]).RootElement.GetProperty("image-end-offset").GetInt64();
    }

    static string Text(JsonElement from, string name) => from.GetProperty(name).GetString()!;

    static long Number(JsonElement from, string name) => from.GetProperty(name).GetInt64();
}
