using System.Diagnostics;
using OvirtSpm.Interop.Nbd;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A disk opened by QEMU with the very options that activation printed.</summary>
sealed class ChainDisk : IAsyncDisposable
{
    readonly ChildProcess daemon;

    readonly bool readOnly;

    ChainDisk(ChildProcess daemon, string uri, ActivateVolumeReply active) => (this.daemon, Uri, readOnly, LeafSocket) = (daemon, uri, active.ReadOnly, active.Socket);

    /// <summary>Where the node serves the volume itself, without what is below it.</summary>
    public string LeafSocket { get; }

    /// <summary>What the disk reads as, raw.</summary>
    public string Uri { get; }

    public static async Task<ChainDisk> OpenAsync(NodeCluster cluster, ActivateVolumeReply active)
    {
        var socket = cluster.Run.At($"c{Guid.NewGuid():N}"[..8]);
        var options = active.Chain.Count > 0
            ? active.Chain
            : [active.BlockDevice, $"driver=qcow2,node-name=disk,file={active.BlockDevice.Split("node-name=")[1].Split(',')[0]}{(active.ReadOnly ? ",read-only=on" : "")}"];
        var disk = options[^1].Split("node-name=")[1].Split(',')[0];
        var daemon = await cluster.Children.StartAsync("chain", "qemu-storage-daemon",
        [
            .. options.SelectMany(option => new[] { "--blockdev", option }),
            "--nbd-server", $"addr.type=unix,addr.path={socket}",
            "--export", $"type=nbd,id=disk,node-name={disk},name=disk,writable={(active.ReadOnly ? "off" : "on")}",
        ]);
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "QEMU opens the chain", () =>
        {
            Assert.False(daemon.HasExited, File.ReadAllText(cluster.Run.Log("chain")));
            return Task.FromResult(File.Exists(socket));
        });
        return new ChainDisk(daemon, $"nbd+unix:///disk?socket={socket}", active);
    }

    /// <summary>Each as qemu-io takes it: <c>write -P 1 0 1M</c>, <c>read -P 1 0 1M</c>.</summary>
    public async Task DoAsync(params string[] commands)
    {
        var output = await NbdTool.RunAsync("qemu-io", [.. readOnly ? ["-r"] : Array.Empty<string>(), "-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), "-c", "flush", Uri]);
        Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync() => Assert.True(await daemon.EndAsync(TimeSpan.FromSeconds(20)), "qemu-storage-daemon did not end");
}
