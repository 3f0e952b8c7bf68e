using System.Text.Json;
using OvirtSpm.Interop.Nbd;
using OvirtSpm.Interop.Nodes.Faults;

namespace OvirtSpm.Interop.Nodes.Walk;

/// <summary>Stock tools say what is there; it must be what was acknowledged.</summary>
static class WalkCheck
{
    static readonly TimeSpan Recovery = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(NodeCluster cluster, IReadOnlyList<SupervisedNode> nodes, VolumeWalk walk)
    {
        await NodeCluster.WaitAsync(Recovery, "an SPM leads, and no operation is open (C8)", async () =>
        {
            foreach (var node in nodes)
            {
                if (node.Client() is { } client && (await client.StatusAsync()).Role == "leading")
                {
                    return (await client.JournalAsync()) is { Open.Count: 0, Damage.Count: 0 };
                }
            }
            return false;
        });
        var domain = await cluster.SpmAsync("domain", "check", "--lun", cluster.File);
        Assert.True(domain.ExitCode == 0, domain.Output + domain.Errors);
        CheckGroup(cluster, walk);
        foreach (var volume in walk.Volumes.Where(volume => volume.IsCow))
        {
            await walk.UseAsync(volume, readOnly: true, disk => CheckImageAsync(volume, disk));
        }
    }

    static void CheckGroup(NodeCluster cluster, VolumeWalk walk)
    {
        using var lvm = LvmTool.Attach(cluster.File);
        lvm.MustRun("vgck", cluster.Domain);
        var rows = lvm.Report("lvs", "lv", "-o", "lv_name,lv_size,lv_tags", cluster.Domain)
            .Where(row => Guid.TryParse(row.GetProperty("lv_name").GetString(), out _)).ToDictionary(row => row.GetProperty("lv_name").GetString()!);
        Assert.Equal(walk.Volumes.Select(volume => volume.Uuid).Order(), rows.Keys.Order());
        foreach (var volume in walk.Volumes)
        {
            var row = rows[volume.Uuid];
            Assert.True(long.Parse(row.GetProperty("lv_size").GetString()!) >= volume.AllocatedBytes, $"{volume.Uuid} lost extents that were acknowledged");
            Assert.Contains($"PU_{volume.Parent?.Uuid ?? $"{Guid.Empty}"}", row.GetProperty("lv_tags").GetString(), StringComparison.Ordinal);
        }
    }

    static async Task CheckImageAsync(WalkVolume volume, ChainDisk disk)
    {
        var json = JsonSerializer.Serialize(new
        {
            driver = "qcow2", backing = (string?)null, file = new { driver = "nbd", server = new { type = "unix", path = disk.LeafSocket }, export = volume.Uuid },
        });
        await NbdTool.RunAsync("qemu-img", "check", "json:" + json);
        await disk.DoAsync([.. volume.Reads]);
    }
}
