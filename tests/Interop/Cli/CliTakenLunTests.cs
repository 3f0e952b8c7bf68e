using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Interop.Cli;

/// <summary>A LUN that carries something, or is none: refused with what was found, and not a byte of it changed.</summary>
public sealed class CliTakenLunTests
{
    const long LunBytes = 12 * CliLun.Gib;

    sealed record Content(string Found, Func<CliLun, Task> Make, params string[] Tools)
    {
        public override string ToString() => Found;
    }

    static readonly Content[] Contents =
    [
        new("ext2/3/4 file system", lun => CliTool.RunAsync("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", lun.Image), "mkfs.ext4"),
        new("swap space", lun => CliTool.RunAsync("mkswap", lun.Image), "mkswap"),
        // Without the tools that make them: the bytes by which blkid knows them.
        Magic("XFS", 0, "XFSB"u8.ToArray()),
        Magic("Btrfs", 65536 + 64, "_BHRfS_M"u8.ToArray()),
        Magic("LUKS", 0, [.. "LUKS"u8, 0xba, 0xbe, 0, 1]),
        new("MBR partition table", lun =>
        {
            var sector = new byte[512];
            byte[] entry = [0x80, 0, 2, 0, 0x83, 0xff, 0xff, 0xff, 0, 8, 0, 0, 0, 0, 0x10, 0];
            entry.CopyTo(sector, 446);
            BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(510), 0xaa55);
            lun.Write(0, sector);
            return Task.CompletedTask;
        }),
        new("GPT partition table", lun =>
        {
            lun.Write(512, "EFI PART"u8);
            lun.Write(LunBytes - 512, "EFI PART"u8);
            return Task.CompletedTask;
        }),
        new("GPT partition table (backup)", lun => { lun.Write(LunBytes - 512, "EFI PART"u8); return Task.CompletedTask; }),
        new("qcow2 image", lun =>
        {
            File.Delete(lun.Image);
            return CliTool.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", lun.Image, "1G").ContinueWith(made =>
            {
                made.GetAwaiter().GetResult();
                using var file = File.OpenWrite(lun.Image);
                file.SetLength(LunBytes);
            });
        }, "qemu-img"),
        new("LVM2 physical volume", async lun => await lun.CreateDomainAsync()),
    ];

    [Fact]
    public Task A_LUN_that_carries_something_is_left_alone_and_wiped_when_that_is_said() =>
        CliMany.EachAsync(Contents.Where(content => content.Tools.All(CliTool.Exists)), async content =>
        {
            using var lun = CliLun.Of(LunBytes);
            await content.Make(lun);
            var before = lun.Fingerprint();
            (await CliSpm.RunAsync("domain", "create", "--lun", lun.Path)).Refused("not empty", content.Found, "--wipe");
            Assert.Equal(before, lun.Fingerprint());

            var made = (await CliSpm.RunAsync("domain", "create", "--lun", lun.Path, "--wipe", "--json", "--watchdog-timeout", "0")).Succeeded();
            (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
            Assert.Equal(LunBytes, made.Json.GetProperty("lunBytes").GetInt64());
            if (CliTool.Exists("wipefs"))
            {
                var seen = (await CliTool.RunAsync("wipefs", "--noheadings", "--output", "TYPE", lun.Image)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                Assert.Equal(["LVM2_member"], seen.Select(type => type.Trim()));
            }
        });

    [Fact]
    public async Task A_physical_volume_made_by_stock_lvm2_is_left_alone_by_every_verb()
    {
        using var lun = CliLun.LoopOf(LunBytes);
        lun.Lvm.MustRun("pvcreate", "-y", lun.Path);
        var before = lun.Fingerprint();
        (await CliSpm.RunAsync("domain", "create", "--lun", lun.Path)).Refused("LVM2 physical volume", "--wipe");
        (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path)).Refused(lun.Path, "no volume group");
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("nothing is removed");
        Assert.Equal(before, lun.Fingerprint());

        lun.Lvm.MustRun("vgcreate", "others", lun.Path);
        lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "3", "-n", "data", "others");
        before = lun.Fingerprint();
        foreach (var verb in new string[][] { ["domain", "info"], ["volume", "list"], ["lease", "show"], ["volume", "create", "--size", "1G"] })
        {
            (await CliSpm.RunAsync([.. verb, "--lun", lun.Path])).Refused("'others' is not a storage domain", "spm domain create");
        }
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("not a storage domain", "vgremove");
        Assert.Equal(before, lun.Fingerprint());
    }

    [Fact]
    public async Task A_domain_whose_creation_did_not_end_is_not_served_and_is_removed_or_made_again()
    {
        CliLun.SkipWithoutLoop();
        using var file = await CliLun.WithDomainAsync();
        using var lun = file.Copy(withLoop: true);
        var group = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_name").Output.Trim();
        var tags = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_tags", group).Output.Trim().Split(',');
        var ready = Assert.Single(tags, tag => tag == "RHAT_storage_domain");
        lun.Lvm.MustRun("vgchange", "--deltag", ready, "--addtag", ready + "_UNREADY", group);
        var before = lun.Fingerprint();
        (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path)).Refused("did not end", "spm domain remove");
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G")).Refused("did not end", "spm domain remove");
        (await CliSpm.RunAsync("domain", "create", "--lun", lun.Path)).Refused("not empty", "--wipe");
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path)).Refused("--yes");
        Assert.Equal(before, lun.Fingerprint());

        lun.Lvm.MustRun("vgchange", "--addtag", ready, group);
        before = lun.Fingerprint();
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Refused("both ready and unready");
        Assert.Equal(before, lun.Fingerprint());

        lun.Lvm.MustRun("vgchange", "--deltag", ready, group);
        (await CliSpm.RunAsync("domain", "remove", "--lun", lun.Path, "--yes")).Succeeded();
        await lun.CreateDomainAsync();
    }

    [Fact]
    public async Task What_is_no_LUN_is_named_with_the_remedy()
    {
        using var small = CliLun.Of(2 * CliLun.Gib);
        var before = small.Fingerprint();
        (await CliSpm.RunAsync("domain", "create", "--lun", small.Path)).Refused("2 GiB", "10 GiB", "larger LUN");
        Assert.Equal(before, small.Fingerprint());
        (await CliSpm.RunAsync("domain", "create", "--lun", small.Path + ".missing")).Refused("does not exist", "Check the path");
        Assert.False(File.Exists(small.Path + ".missing"));
        (await CliSpm.RunAsync("domain", "create", "--lun", Path.GetTempPath())).Refused("neither a block device nor a regular file");
        (await CliSpm.RunAsync("domain", "create", "--lun", "/dev/null")).Refused("neither a block device nor a regular file");
        (await CliSpm.RunAsync("domain", "create", "--lun", "/dev/zero", "--wipe")).Refused("neither a block device nor a regular file");
        (await CliSpm.RunAsync("domain", "create", "--lun", "")).Refused("No device was named");
        // A regular file whose file system has no direct I/O, on every Linux.
        (await CliSpm.RunAsync("domain", "info", "--lun", "/proc/version")).Refused("O_DIRECT", "block device");
        (await CliSpm.RunAsync("domain", "create")).Misused("--lun");
        (await CliSpm.RunAsync("volume", "list")).Misused("--url", "--lun");
        foreach (var verb in new string[][] { ["domain", "info"], ["volume", "list"], ["volume", "delete", "abcd"], ["lease", "show"] })
        {
            (await CliSpm.RunAsync([.. verb, "--lun", small.Path])).Refused(small.Path, "no volume group");
        }
        Assert.Equal(before, small.Fingerprint());
    }

    static Content Magic(string found, long offsetBytes, byte[] magic) => new(found, lun =>
    {
        lun.Write(offsetBytes, magic);
        return Task.CompletedTask;
    });
}
