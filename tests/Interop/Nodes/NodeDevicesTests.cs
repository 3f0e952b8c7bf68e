using OvirtSpm.Interop.Demo;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A volume over two devices: served, written by QEMU, found on both, and missed when one of them is away.</summary>
public sealed class NodeDevicesTests
{
    const long Mib = 1L << 20, Gib = 1L << 30;

    [Fact]
    public async Task A_volume_that_reaches_over_an_added_device_is_written_to_both_and_refused_while_one_is_away()
    {
        DemoTools.Need("qemu-io");
        var (cluster, node, second) = await SpmWithDeviceAsync(12 * Gib, 4 * Gib);
        await using var ending = cluster;
        // Everything of the first device but what a volume of two extents has.
        var volume = await NodeCluster.CreateVolumeAsync(node, 256 * Mib, "raw", noZero: true);
        await NodeCluster.CreateVolumeAsync(node, (await node.Client.StatusAsync()).FreeBytes!.Value, "raw", noZero: true);
        var full = await Assert.ThrowsAsync<Refusal>(() => node.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(512 * Mib, null, null, null)));
        Assert.Equal(RefusalCode.NoSpace, full.Code);
        // A node adds only what it was given.
        var third = Sparse(cluster.Run.At("third"), 4 * Gib);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => node.Client.AddDeviceAsync(new AddDeviceRequest(third)))).Code);
        var added = await node.Client.AddDeviceAsync(new AddDeviceRequest(second));
        Assert.True(added.Added);
        var grown = await node.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(512 * Mib, null, null, null));
        Assert.Equal(added.PvUuid, grown.Segments[^1].PvUuid);
        Assert.True(grown.Segments.Select(segment => segment.PvUuid).Distinct().Count() == 2, "all extents lie on one device");

        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        // Over the border between the devices in one request, and at both ends.
        await IoAsync(cluster, active, "write -P 0x5a 255M 2M", "write -P 0x11 0 64k", "write -P 0x77 511M 1M", "flush", "read -P 0x5a 255M 2M");
        Assert.Equal(0x11, await ByteAtAsync(cluster.Lun, grown, cluster.Lun, second, 0));
        Assert.Equal(0x5a, await ByteAtAsync(cluster.Lun, grown, cluster.Lun, second, 256 * Mib - 4096));
        Assert.Equal(0x5a, await ByteAtAsync(cluster.Lun, grown, cluster.Lun, second, 256 * Mib));
        Assert.Equal(0x77, await ByteAtAsync(cluster.Lun, grown, cluster.Lun, second, 512 * Mib - 4096));

        // The device goes away while the node is dead: what lies there is not served and stays marked, everything else goes on.
        await node.KillAsync();
        var moved = cluster.Run.At("elsewhere");
        File.Move(second, moved);
        var without = await node.RestartAsync();
        await NodeCluster.LeaderAsync([without], TimeSpan.FromSeconds(30));
        Assert.Contains((await without.Client.StatusAsync()).Warnings, warning => warning.Contains(added.PvUuid, StringComparison.Ordinal));
        var refused = await Assert.ThrowsAsync<Refusal>(() => without.Client.ActivateAsync($"{volume}", readOnly: false));
        Assert.Contains(second, refused.Message, StringComparison.Ordinal);
        Assert.Contains("not see", (await Assert.ThrowsAsync<Refusal>(() => without.Client.DeactivateAsync($"{volume}"))).Message, StringComparison.Ordinal);
        Assert.NotEmpty((await without.Client.GetVolumeAsync($"{volume}")).ActiveOn);

        // Back where the node looks for it: served again without being asked for.
        File.Move(moved, second);
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "the volume is served again", async () => (await without.Client.StatusAsync()).Active.Count == 1);
        await IoAsync(cluster, active, "read -P 0x5a 255M 2M", "read -P 0x77 511M 1M");
    }

    [Fact]
    public async Task A_host_without_the_new_device_gets_extents_of_those_it_has_and_what_lies_there_once_it_is_connected()
    {
        DemoTools.Need("qemu-img");
        var (cluster, spm, second) = await SpmWithDeviceAsync(14 * Gib, 20 * Gib);
        await using var ending = cluster;
        var near = await NodeCluster.CreateVolumeAsync(spm);
        // Behind it, so that it must jump to grow: to the emptiest device, if that could be used.
        await NodeCluster.CreateVolumeAsync(spm);
        var added = await spm.Client.AddDeviceAsync(new AddDeviceRequest(second));
        var far = await NodeCluster.CreateVolumeAsync(spm);
        // The SPM has it open; whoever starts now finds nothing where it was added.
        var moved = cluster.Run.At("elsewhere");
        File.Move(second, moved);
        var host = await cluster.StartAsync(2);
        await NodeCluster.LeaderAsync([spm, host], TimeSpan.FromSeconds(20));
        Assert.Contains((await host.Client.StatusAsync()).Warnings, warning => warning.Contains(added.PvUuid, StringComparison.Ordinal));
        Assert.DoesNotContain((await spm.Client.StatusAsync()).Warnings, warning => warning.Contains(added.PvUuid, StringComparison.Ordinal));

        await host.Client.ActivateAsync($"{near}", readOnly: false);
        var grown = await host.Client.ExtendVolumeAsync($"{near}", new ExtendVolumeRequest(4 * Gib, null, null, null));
        Assert.DoesNotContain(grown.Segments, segment => segment.PvUuid == added.PvUuid);
        Assert.True(grown.Segments.Count > 1, "it did not have to jump");
        Assert.Equal(grown.AllocatedBytes, Assert.Single((await host.Client.StatusAsync()).Active).AllocatedBytes);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => host.Client.ActivateAsync($"{far}", readOnly: false))).Code);

        File.Move(moved, second);
        // Looked for every five seconds.
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "the host sees the device", async () =>
            !(await host.Client.StatusAsync()).Warnings.Any(warning => warning.Contains(added.PvUuid, StringComparison.Ordinal)));
        await host.Client.ActivateAsync($"{far}", readOnly: false);
    }

    static async Task<(NodeCluster Cluster, TestNode Spm, string Second)> SpmWithDeviceAsync(long firstBytes, long secondBytes)
    {
        var cluster = await NodeCluster.CreateAsync(lunBytes: firstBytes);
        try
        {
            var second = Sparse(cluster.Run.At("second"), secondBytes);
            var spm = await cluster.StartAsync(1, "--device", second);
            await NodeCluster.LeaderAsync([spm], TimeSpan.FromSeconds(20));
            return (cluster, spm, second);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    static string Sparse(string path, long bytes)
    {
        using var file = File.Create(path);
        file.SetLength(bytes);
        return path;
    }

    static async Task IoAsync(NodeCluster cluster, ActivateVolumeReply active, params string[] commands)
    {
        var done = await cluster.Children.RunAsync(
            "qemu-io", ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), $"nbd+unix:///{active.Volume}?socket={active.Socket}"],
            TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        // qemu-io says a wrong pattern on its output and may still exit with 0.
        Assert.True(done.ExitCode == 0 && !done.Output.Contains("verification failed", StringComparison.Ordinal), done.Output + done.Errors);
    }

    /// <summary>At the mapped place, on the device itself.</summary>
    static async Task<int> ByteAtAsync(string lun, ExtendVolumeReply layout, string first, string second, long offset)
    {
        using var device = NodeComposition.OpenLun(lun, readOnly: true);
        var firstPv = (await PoolDomain.OpenAsync(device)).Group.PhysicalVolumes[0].Uuid.ToString();
        foreach (var segment in layout.Segments)
        {
            if (offset < segment.LengthBytes)
            {
                using var file = File.OpenHandle(segment.PvUuid == firstPv ? first : second, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                var bytes = new byte[1];
                Assert.Equal(1, RandomAccess.Read(file, bytes, segment.PvOffsetBytes + offset));
                return bytes[0];
            }
            offset -= segment.LengthBytes;
        }
        throw new ArgumentOutOfRangeException(nameof(offset));
    }
}
