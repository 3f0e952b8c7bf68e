using OvirtSpm.Interop.Qemu;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Interop.Cli;

/// <summary>Volumes that move from one LUN to another; lvm2 judges the groups, qemu-img the disks.</summary>
public sealed class CliMoveTests
{
    [Fact]
    public async Task A_chain_moves_to_another_LUN_with_another_sector_size_and_stock_tools_find_it_there()
    {
        CliLun.SkipWithoutLoop();
        using var files = new CliScratch();
        using var empty = await CliLun.WithDomainAsync();
        using var here = empty.Copy(withLoop: true);
        using var there = CliLun.LoopOf(12 * CliLun.Gib, 4096);
        await there.CreateDomainAsync();
        var (free, before) = (await FreeAsync(here), files.PathOf("before"));
        await FillAsync(here, files);
        (await CliSpm.RunAsync("volume", "export", "top", before, "--format", "raw", "--lun", here.Path)).Succeeded();

        (await CliSpm.RunAsync("volume", "move", "disk", "--lun", here.Path, "--to-lun", there.Path)).Refused("is the parent of");
        (await CliSpm.RunAsync("volume", "move", "top", "--lun", here.Path, "--to-lun", here.Path)).Misused("another domain");
        var moved = (await CliSpm.RunAsync("volume", "move", "top", "--lun", here.Path, "--to-lun", there.Path, "--json")).Succeeded().Json;
        Assert.Equal(("ready", "top", "legal"), (moved.GetProperty("state").GetString(), moved.GetProperty("alias").GetString(), moved.GetProperty("legality").GetString()));

        Assert.Equal(free, await FreeAsync(here));
        Assert.Equal("[]", (await CliSpm.RunAsync("volume", "list", "--lun", here.Path, "--json")).Succeeded().Output.Trim());
        await SameAsync(before, there, files.PathOf("after"));
        foreach (var lun in new[] { here, there })
        {
            (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
            lun.Lvm.MustRun("vgck");
        }
        Assert.DoesNotContain("SPM_MOVED", there.Lvm.MustRun("lvs", "-o", "tags").Output, StringComparison.Ordinal);
        (await CliSpm.RunAsync("volume", "move", "top", "--lun", here.Path, "--to-lun", there.Path)).Refused("none from there is arriving");
    }

    /// To and fro between two LUNs, killed somewhere each time.
    [Fact]
    public async Task A_move_killed_at_any_moment_leaves_the_disk_usable_in_at_most_one_place_and_asking_again_ends_it()
    {
        using var files = new CliScratch();
        using var empty = await CliLun.WithDomainAsync();
        using var full = empty.Copy();
        await FillAsync(full, files);
        using var other = await CliLun.WithDomainAsync();
        var before = files.PathOf("before");
        (await CliSpm.RunAsync("volume", "export", "top", before, "--format", "raw", "--lun", full.Path)).Succeeded();
        var layout = await CliLayout.ReadAsync(full);
        var uuid = (await CliSpm.RunAsync("volume", "info", "top", "--lun", full.Path, "--json")).Succeeded().Json.GetProperty("volume").GetString()!;
        var killed = 0;
        await CliMany.EachAsync(Enumerable.Range(0, 3), async seed =>
        {
            var random = new Random(seed);
            using var one = full.Copy();
            using var two = other.Copy();
            for (var round = 0; round < 3; round++)
            {
                var (here, there) = round % 2 == 0 ? (one, two) : (two, one);
                var version = SpmLease(there, layout).LeaseVersion;
                // From when it has both domains: what comes before is joining, which other tests kill.
                if (await CliSpm.KillAsync(
                    () => SpmLease(there, layout) is { Timestamp: not 0 } lease && lease.LeaseVersion > version,
                    TimeSpan.FromSeconds(random.NextDouble() * 2.5), "volume", "move", uuid, "--lun", here.Path, "--to-lun", there.Path))
                {
                    Interlocked.Increment(ref killed);
                }
                var states = await Task.WhenAll(StateAsync(here, uuid), StateAsync(there, uuid));
                Assert.True(states.Count(state => state == "ready") <= 1, string.Join(", ", states));
                Assert.True(states is ["ready" or "removing", _] or [null, "arriving" or "ready"], string.Join(", ", states));
                (await CliSpm.RunAsync("volume", "move", uuid, "--wait", "--lun", here.Path, "--to-lun", there.Path)).Succeeded();
                Assert.Equal((null, "ready"), (await StateAsync(here, uuid), await StateAsync(there, uuid)));
                await SameAsync(before, there, files.PathOf($"after{seed}-{round}"));
                foreach (var lun in new[] { here, there })
                {
                    (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
                }
            }
        });
        TestContext.Current.TestOutputHelper?.WriteLine($"{killed} of 9 moves killed before they ended");
        Assert.True(killed >= 3, $"only {killed} of 9 moves were killed before they ended: the moments are badly chosen");
    }

    /// <summary>A disk with 20 MiB that are not zeros, and a snapshot of it.</summary>
    static async Task FillAsync(CliLun lun, CliScratch files)
    {
        var raw = files.PathOf("raw");
        var bytes = new byte[20 << 20];
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(raw, bytes, TestContext.Current.CancellationToken);
        (await CliSpm.RunAsync("volume", "import", raw, "--format", "raw", "--size", "1G", "--alias", "disk", "--lun", lun.Path)).Succeeded();
        (await CliSpm.RunAsync("volume", "create", "--parent", "disk", "--alias", "top", "--lun", lun.Path)).Succeeded();
    }

    static async Task SameAsync(string before, CliLun lun, string after)
    {
        (await CliSpm.RunAsync("volume", "export", "top", after, "--format", "raw", "--lun", lun.Path)).Succeeded();
        Assert.Contains("identical", await QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), "compare", "-f", "raw", "-F", "raw", before, after), StringComparison.Ordinal);
        File.Delete(after);
    }

    static async Task<string?> StateAsync(CliLun lun, string uuid) => (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json
        .EnumerateArray().Where(volume => volume.GetProperty("volume").GetString() == uuid).Select(volume => volume.GetProperty("state").GetString()).SingleOrDefault();

    static async Task<long> FreeAsync(CliLun lun) =>
        (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("freeBytes").GetInt64();

    static LeaderRecord SpmLease(CliLun lun, CliLayout layout)
    {
        // A read beside a write may be torn: then it is read again.
        while (true)
        {
            if (LeaderRecord.TryParse(LeaderKind.Resource, lun.Read(layout.SpmLease, layout.SectorSize), out var leader) == RecordError.None)
            {
                return leader!;
            }
        }
    }
}
