using System.Text.Json;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Nbd;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Chains of images on a pool: QEMU's tools say what is in them, stock lvm2 what the group says.</summary>
public sealed class NodeImageTests
{
    const long Mib = 1L << 20;

    [Fact]
    public async Task Snapshots_are_kept_apart_and_merged_without_a_byte_lost()
    {
        await using var pool = await PoolAsync();
        var @base = await pool.CreateAsync();
        await pool.WriteAsync(@base, "write -P 1 0 1M", "write -P 1 4M 1M");
        var middle = await pool.CreateAsync(parent: @base);
        await pool.WriteAsync(middle, "read -P 1 0 1M", "write -P 2 512k 1M");
        var leaf = await pool.CreateAsync(parent: middle);
        await pool.WriteAsync(leaf, "write -P 3 4608k 64k", "write -z 0 64k");
        string[] whole = ["read -P 0 0 64k", "read -P 1 64k 448k", "read -P 2 512k 1M", "read -P 1 4M 512k", "read -P 3 4608k 64k", "read -P 1 4672k 448k", "read -P 0 8M 8M"];
        await pool.ReadAsync(leaf, whole);
        Assert.Equal(("internal", "internal", "leaf"), (await pool.RoleAsync(@base), await pool.RoleAsync(middle), await pool.RoleAsync(leaf)));

        // The layers below are others' to read: nobody writes them, and nothing is taken from under them.
        await pool.RefusedAsync("is the parent of", () => pool.Host.ActivateAsync(@base, readOnly: false));
        await pool.RefusedAsync("is the parent of", () => pool.Host.DeleteVolumeAsync(middle));
        await pool.RefusedAsync("is the parent of", () => pool.Host.ChangeVolumeAsync(middle, new VolumeChange.Resize(1L << 40)));
        await pool.RefusedAsync("no parent", () => pool.Host.ChangeVolumeAsync(@base, new VolumeChange.Merge()));
        await pool.Host.ActivateAsync(leaf, readOnly: false);
        Assert.Equal(3, (await pool.Host.StatusAsync()).Active.Count);
        await pool.RefusedAsync("is active on", () => pool.Host.ChangeVolumeAsync(middle, new VolumeChange.Merge()));
        await pool.RefusedAsync("is below", () => pool.Host.DeactivateAsync(@base));
        await pool.Host.DeactivateAsync(leaf);
        Assert.Empty((await pool.Host.StatusAsync()).Active);

        await pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Resize(2048 * Mib));
        var merged = await pool.Host.ChangeVolumeAsync(middle, new VolumeChange.Merge());
        Assert.Equal((@base, "internal"), (merged.Volume, merged.Role));
        Assert.Equal(@base, (await pool.Host.GetVolumeAsync(leaf)).Parent);
        await pool.ReadAsync(leaf, whole);
        Assert.Contains(@base, await pool.HeaderAsync(leaf), StringComparison.Ordinal);

        merged = await pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Merge());
        Assert.Equal(("leaf", 2048 * Mib, "ready"), (merged.Role, merged.VirtualSizeBytes, merged.State));
        await pool.ReadAsync(@base, [.. whole, "read -P 0 1500M 500M"]);
        Assert.Equal([@base], (await pool.Host.ListVolumesAsync()).Select(volume => volume.Volume));
        await pool.CheckAsync();
    }

    [Fact]
    public async Task A_chain_collapses_into_its_base_and_an_illegal_volume_is_served_to_nobody()
    {
        await using var pool = await PoolAsync();
        var @base = await pool.CreateAsync();
        await pool.WriteAsync(@base, "write -P 1 0 2M");
        var middle = await pool.CreateAsync(parent: @base);
        await pool.WriteAsync(middle, "write -P 2 512k 1M");
        var leaf = await pool.CreateAsync(parent: middle);
        await pool.WriteAsync(leaf, "write -P 3 1M 64k");
        string[] whole = ["read -P 1 0 512k", "read -P 2 512k 512k", "read -P 3 1M 64k", "read -P 2 1088k 448k", "read -P 1 1536k 512k"];
        await pool.ReadAsync(leaf, whole);

        await pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Set(Legality: "illegal"));
        await pool.RefusedAsync("says Illegal", () => pool.Host.ActivateAsync(leaf, readOnly: false));
        await pool.RefusedAsync("says Illegal", () => pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Collapse()));
        var legal = await pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Set(Legality: "legal") { ExpectedGeneration = 0 });
        Assert.Equal(("legal", 1, "ready"), (legal.Legality, legal.Generation!.Value, legal.State));
        await pool.RefusedAsync("has generation 1, not 0", () => pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Collapse { ExpectedGeneration = 0 }));

        var collapsed = await pool.Host.ChangeVolumeAsync(leaf, new VolumeChange.Collapse { ExpectedGeneration = 1 });
        Assert.Equal((@base, "leaf", "ready"), (collapsed.Volume, collapsed.Role, collapsed.State));
        Assert.Equal([@base], (await pool.Host.ListVolumesAsync()).Select(volume => volume.Volume));
        await pool.ReadAsync(@base, whole);
        await pool.CheckAsync();
    }

    [Fact]
    public async Task A_template_serves_many_disks_and_a_clone_needs_none()
    {
        await using var pool = await PoolAsync();
        var golden = await pool.CreateAsync();
        await pool.WriteAsync(golden, "write -P 7 0 64M", "write -P 8 200M 64k");
        var refusedWhileWritten = await pool.Host.ActivateAsync(golden, readOnly: false);
        await pool.RefusedAsync("is active on", () => pool.Host.ChangeVolumeAsync(golden, new VolumeChange.Share()));
        await pool.RefusedAsync("is active on", () => pool.CreateAsync(parent: golden));
        await pool.Host.DeactivateAsync(refusedWhileWritten.Volume);
        Assert.Equal("template", (await pool.Host.ChangeVolumeAsync(golden, new VolumeChange.Share())).Role);
        await pool.RefusedAsync("template", () => pool.Host.ActivateAsync(golden, readOnly: false));

        var disks = new[] { await pool.CreateAsync(parent: golden), await pool.CreateAsync(parent: golden) };
        var images = await Task.WhenAll(disks.Append(golden).Select(async disk => (await pool.Host.GetVolumeAsync(disk)).Image));
        Assert.Equal(3, images.Distinct().Count());
        await pool.WriteAsync(disks[0], "write -P 9 0 1M");
        await pool.ReadAsync(disks[0], "read -P 9 0 1M", "read -P 7 1M 63M", "read -P 8 200M 64k");
        await pool.ReadAsync(disks[1], "read -P 7 0 64M");
        await pool.RefusedAsync("is a template", () => pool.Host.ChangeVolumeAsync(disks[0], new VolumeChange.Merge()));
        await pool.RefusedAsync("is the parent of", () => pool.Host.DeleteVolumeAsync(golden));

        foreach (var format in new[] { "cow", "raw" })
        {
            var clone = await pool.CreateAsync(source: disks[0], format: format);
            Assert.Null((await pool.Host.GetVolumeAsync(clone)).Parent);
            if (format == "cow")
            {
                await pool.ReadAsync(clone, "read -P 9 0 1M", "read -P 7 1M 63M", "read -P 8 200M 64k", "read -P 0 300M 700M");
            }
            else
            {
                var active = await pool.Host.ActivateAsync(clone, readOnly: true);
                var output = await NbdTool.RunAsync("qemu-io", "-r", "-f", "raw", "-c", "read -P 9 0 1M", "-c", "read -P 8 200M 64k", "-c", "read -P 0 300M 700M", $"nbd+unix:///{clone}?socket={active.Socket}");
                Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
                await pool.Host.DeactivateAsync(clone);
            }
        }
        foreach (var disk in disks)
        {
            await pool.Host.DeleteVolumeAsync(disk);
        }
        await pool.Host.DeleteVolumeAsync(golden);
        await pool.CheckAsync();
    }

    [Fact]
    public async Task What_is_not_used_any_more_is_given_back()
    {
        await using var pool = await PoolAsync();
        var disk = await pool.CreateAsync();
        await pool.WriteAsync(disk, "write -P 5 0 150M");
        await pool.Host.ExtendVolumeAsync(disk, new ExtendVolumeRequest(1000 * Mib, null, null, null));
        var reduced = await pool.Host.ChangeVolumeAsync(disk, new VolumeChange.Reduce());
        Assert.InRange(reduced.AllocatedBytes, 150 * Mib, 384 * Mib);
        await pool.ReadAsync(disk, "read -P 5 0 150M");
        Assert.Equal(reduced.AllocatedBytes, (await pool.Host.ChangeVolumeAsync(disk, new VolumeChange.Reduce())).AllocatedBytes);
        Assert.Equal("büro", (await pool.Host.ChangeVolumeAsync(disk, new VolumeChange.Describe("büro"))).Alias);
        await pool.RefusedAsync("not made smaller", () => pool.Host.ChangeVolumeAsync("büro", new VolumeChange.Resize(1 * Mib)));
        await pool.CheckAsync();
    }

    static async Task<ImagePool> PoolAsync()
    {
        DemoTools.Need("qemu-img", "qemu-io", "qemu-storage-daemon");
        return await ImagePool.StartAsync();
    }

    /// <summary>An SPM that only decides and a host that only uses.</summary>
    sealed class ImagePool : IAsyncDisposable
    {
        readonly NodeCluster cluster;
        readonly TestNode user;

        ImagePool(NodeCluster cluster, TestNode user) => (this.cluster, this.user) = (cluster, user);

        public Node.Cluster.NodeClient Host => user.Client;

        public static async Task<ImagePool> StartAsync()
        {
            var cluster = await NodeCluster.CreateAsync();
            var spm = await cluster.StartAsync(1);
            await NodeCluster.LeaderAsync([spm], TimeSpan.FromSeconds(20));
            var user = await cluster.StartAsync(2);
            await NodeCluster.LeaderAsync([spm, user], TimeSpan.FromSeconds(20));
            return new ImagePool(cluster, user);
        }

        public async Task<string> CreateAsync(string? parent = null, string? source = null, string format = "cow")
        {
            var uuid = Guid.NewGuid().ToString();
            var size = parent is null && source is null ? 1024 * Mib : 0;
            Assert.Equal("ready", (await Host.CreateVolumeAsync(new CreateVolumeRequest(uuid, null, size, format, null, false, Parent: parent, Source: source))).State);
            return uuid;
        }

        public async Task<string> RoleAsync(string volume) => (await Host.GetVolumeAsync(volume)).Role;

        public Task WriteAsync(string volume, params string[] commands) => UseAsync(volume, readOnly: false, commands);

        public Task ReadAsync(string volume, params string[] commands) => UseAsync(volume, readOnly: true, commands);

        /// <summary>What the volume's own header says, as qemu-img reads it.</summary>
        public async Task<string> HeaderAsync(string volume)
        {
            var active = await Host.ActivateAsync(volume, readOnly: true);
            var json = JsonSerializer.Serialize(new { driver = "qcow2", backing = (string?)null, file = new { driver = "nbd", server = new { type = "unix", path = active.Socket }, export = volume } });
            var header = await NbdTool.RunAsync("qemu-img", "info", "json:" + json);
            await Host.DeactivateAsync(volume);
            return header;
        }

        public async Task RefusedAsync(string why, Func<Task> act) =>
            Assert.Contains(why, (await Assert.ThrowsAsync<Refusal>(act)).Message, StringComparison.Ordinal);

        public async Task CheckAsync()
        {
            var check = await cluster.SpmAsync("domain", "check", "--lun", cluster.Lun);
            Assert.True(check.ExitCode == 0, check.Output + check.Errors);
        }

        public ValueTask DisposeAsync() => cluster.DisposeAsync();

        async Task UseAsync(string volume, bool readOnly, string[] commands)
        {
            var active = await Host.ActivateAsync(volume, readOnly);
            await using (var disk = await ChainDisk.OpenAsync(cluster, active))
            {
                await disk.DoAsync(commands);
            }
            await Host.DeactivateAsync(volume);
        }
    }
}
