using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Interop.Qemu;

/// <summary>What the watch relies on, asked of the real QEMU: a new version that behaves otherwise fails here, not in a pool.</summary>
public sealed class QemuMonitorTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly QemuFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Greets_answers_and_refuses_with_class_and_description()
    {
        await using var qemu = await QemuProcess.StartAsync(folder, "-machine", "none");
        Assert.Matches(@"^\d+\.\d+\.\d+", qemu.Control.Version);
        Assert.Equal("running", (await qemu.ExecuteAsync("query-status")).GetProperty("status").GetString());
        var refused = await Assert.ThrowsAsync<QmpCommandException>(
            () => qemu.ExecuteAsync("block-set-write-threshold", """{"node-name": "nope", "write-threshold": 1}""").AsTask());
        Assert.Equal("GenericError", refused.ErrorClass);
        var unknown = await Assert.ThrowsAsync<QmpCommandException>(() => qemu.ExecuteAsync("no-such-command").AsTask());
        Assert.Equal("CommandNotFound", unknown.ErrorClass);
    }

    [Fact]
    public async Task A_second_client_of_one_socket_is_told_why_nobody_answers()
    {
        await using var qemu = await QemuProcess.StartAsync(folder, "-machine", "none");
        await using var first = await QmpSession.OpenAsync(await qemu.WatchTransport.ConnectAsync(default), QmpLimits.Default, TimeProvider.System, default);
        var hasty = new QmpLimits { GreetingTimeout = TimeSpan.FromMilliseconds(300) };
        var refused = await Assert.ThrowsAsync<QmpSessionException>(async () =>
            await QmpSession.OpenAsync(await qemu.WatchTransport.ConnectAsync(default), hasty, TimeProvider.System, default));
        Assert.Contains("one client at a time", refused.Message);
    }

    /// The server is the real qemu-nbd. The threshold belongs on the protocol node, whose offsets are the volume's; it fires once and is gone.
    [Fact]
    public async Task The_threshold_of_the_nbd_node_fires_once_for_writes_into_the_qcow2_above_it()
    {
        var (image, socket) = (folder["v.raw"], folder["v.sock"]);
        await QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), "create", "-q", "-f", "qcow2", image, "1G");
        using (var file = File.OpenHandle(image, FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.SetLength(file, 64 * MiB);
        var server = QemuTool.Start(QemuTool.Need("qemu-nbd", "qemu-utils"), "-k", socket, "-f", "raw", "-x", "v", "-t", image);
        await using var ending = new Ending(() => QemuTool.EndAsync(server));
        await using var qemu = await QemuProcess.StartAsync(folder, "-machine", "none",
            "-blockdev", $$"""{"driver":"nbd","node-name":"p","server":{"type":"unix","path":"{{socket}}"},"export":"v","open-timeout":10}""",
            "-blockdev", """{"driver":"qcow2","node-name":"f","file":"p"}""");

        var look = await BlockLook.TakeAsync(qemu.Control, default);
        Assert.Equal(socket, look.Nodes["p"].NbdSocketPath);
        Assert.Null(look.Nodes["f"].NbdSocketPath);
        Assert.Equal("p", BlockLook.Bottom(look.Below, "f"));
        Assert.Equal(0, look.HighestBytes["p"]); // counted since the node was opened, not since the image exists

        await qemu.ExecuteAsync("block-set-write-threshold", $$"""{"node-name": "p", "write-threshold": {{2 * MiB}}}""");
        await WriteAsync(qemu, "0 1M");
        Assert.False(qemu.Control.Events.TryRead(out _));
        Assert.Equal(2 * MiB, (await BlockLook.TakeAsync(qemu.Control, default)).Nodes["p"].WriteThresholdBytes);

        await WriteAsync(qemu, "1M 3M");
        await WriteAsync(qemu, "4M 1M");
        Assert.True(qemu.Control.Events.TryRead(out var fired));
        Assert.Equal(("BLOCK_WRITE_THRESHOLD", "p"), (fired.Name, fired.Data.GetProperty("node-name").GetString()));
        var end = fired.Data.GetProperty("write-threshold").GetInt64() + fired.Data.GetProperty("amount-exceeded").GetInt64();
        Assert.False(qemu.Control.Events.TryRead(out _));

        look = await BlockLook.TakeAsync(qemu.Control, default);
        Assert.Equal(0, look.Nodes["p"].WriteThresholdBytes);
        Assert.InRange(look.HighestBytes["p"], end, 8 * MiB);
        Assert.True(look.HighestBytes["p"] > look.HighestBytes["f"]); // qcow2's own tables come on top: the guest's offsets would be too low

        // Below what is written already: nothing until the next write, then once.
        await qemu.ExecuteAsync("block-set-write-threshold", """{"node-name": "p", "write-threshold": 1}""");
        Assert.False(qemu.Control.Events.TryRead(out _));
        await WriteAsync(qemu, "0 1M");
        Assert.True(qemu.Control.Events.TryRead(out _));
        Assert.False(qemu.Control.Events.TryRead(out _));
    }

    /// Nothing the watch asks drains the node, so it goes on seeing and setting thresholds while a write waits for space (R16).
    [Fact]
    public async Task Every_command_of_the_watch_is_answered_while_a_write_is_held()
    {
        await using var disk = await NewDiskAsync(allocated: 4 * MiB, maximum: 256 * MiB);
        disk.HoldsWrites = true;
        await using var qemu = await QemuProcess.StartAsync(folder, ["-machine", "none", .. Chain(disk)]);
        var writer = await WriterAsync(qemu, "0 16M");
        await using var ending = new Ending(() => QemuTool.EndAsync(writer));
        await disk.FirstHeld.WaitAsync(TimeSpan.FromSeconds(20));

        var before = TimeProvider.System.GetTimestamp();
        Assert.Equal("running", (await BlockLook.TakeAsync(qemu.Control, default)).RunStatus);
        await qemu.ExecuteAsync("block-set-write-threshold", $$"""{"node-name": "p", "write-threshold": {{64 * MiB}}}""");
        Assert.InRange(TimeProvider.System.GetElapsedTime(before).TotalSeconds, 0, 2);
        disk.Grow(64 * MiB);
        await writer.WaitForExitAsync();
        Assert.Equal(0, writer.ExitCode);
    }

    [Fact]
    public async Task A_disk_written_at_full_speed_grows_under_the_writer_without_an_error()
    {
        await using var disk = await NewDiskAsync(allocated: 16 * MiB, maximum: 2048 * MiB);
        disk.HoldsWrites = true; // a write that comes before its extend waits for it, as on a served volume
        await using var qemu = await QemuProcess.StartAsync(folder, ["-machine", "none", .. Chain(disk)]);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 16 * MiB);
        await run.UntilQuietAsync();

        var writer = await WriterAsync(qemu, [.. Enumerable.Range(0, 40).Select(turn => $"{turn * 10}M 10M")]);
        await using var ending = new Ending(() => QemuTool.EndAsync(writer));
        await writer.WaitForExitAsync();
        Assert.True(writer.ExitCode == 0, await writer.StandardError.ReadToEndAsync());
        await run.UntilQuietAsync();

        var look = await BlockLook.TakeAsync(qemu.Control, default);
        Assert.Equal(run.Disk.ThresholdBytes, look.Nodes["p"].WriteThresholdBytes);
        Assert.InRange(look.HighestBytes["p"], 400 * MiB, disk.AllocatedBytes);
        Assert.InRange(disk.Extends, 20, 60);
        Assert.Equal(disk.Extends, run.Disk.Extends);
        var latencies = run.LatenciesMilliseconds;
        TestContext.Current.SendDiagnosticMessage($"{latencies.Length} extends, ms: p50 {latencies[latencies.Length / 2]:0.00} max {latencies[^1]:0.00}; held {disk.HeldWrites}");
        await qemu.ExecuteAsync("quit");
        await QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), "check", "-q", "-f", "qcow2", folder["v.img"]);
    }

    [Fact]
    public async Task A_killed_and_restarted_QEMU_gets_its_thresholds_again()
    {
        await using var disk = await NewDiskAsync(allocated: 16 * MiB, maximum: 256 * MiB);
        var qemu = await QemuProcess.StartAsync(folder, ["-machine", "none", .. Chain(disk)]);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 16 * MiB);
        await run.UntilQuietAsync();
        await qemu.KillAsync();
        await run.UntilAsync(state => !state.Connected && state.Disks[0].Phase == Monitor.Watermark.DiskPhase.Lost, "lost");
        await qemu.DisposeAsync();

        await using var again = await QemuProcess.StartAsync(folder, ["-machine", "none", .. Chain(disk)]);
        await run.UntilQuietAsync();
        Assert.Equal(2, run.Watch.State.Sessions);
        Assert.Equal(run.Disk.ThresholdBytes, (await BlockLook.TakeAsync(again.Control, default)).Nodes["p"].WriteThresholdBytes);
        var writer = await WriterAsync(again, "0 12M");
        await using var ending = new Ending(() => QemuTool.EndAsync(writer));
        await run.UntilAsync(state => state.Disks[0].Extends > 0, "extended");
        await writer.WaitForExitAsync();
        Assert.Equal(0, writer.ExitCode);
    }

    private static string[] Chain(QemuNbdDisk disk) =>
        ["-blockdev", disk.Blockdev("p"), "-blockdev", """{"driver":"qcow2","node-name":"f","file":"p","discard":"unmap"}"""];

    private async Task<QemuNbdDisk> NewDiskAsync(long allocated, long maximum)
    {
        var image = folder["v.img"];
        await QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), "create", "-q", "-f", "qcow2", image, $"{maximum / 2}");
        return new(folder["v.sock"], image, allocated, maximum);
    }

    /// <summary>Writes through the monitor; QEMU sends the events before the reply.</summary>
    private static async Task WriteAsync(QemuProcess qemu, string range) =>
        Assert.DoesNotContain("rror", (await qemu.ExecuteAsync("human-monitor-command",
            $$"""{"command-line": "qemu-io f \"write {{range}}\""}""")).GetString());

    /// <summary>Writes from outside, through QEMU's own NBD export of the qcow2 node: the monitor stays free.</summary>
    private async Task<System.Diagnostics.Process> WriterAsync(QemuProcess qemu, params string[] ranges)
    {
        var socket = folder[$"export-{Guid.NewGuid():N}.sock"[..20]];
        await qemu.ExecuteAsync("nbd-server-start", """{"addr": {"type": "unix", "data": {"path": "SOCKET"}}}""".Replace("SOCKET", socket));
        await qemu.ExecuteAsync("block-export-add", """{"type": "nbd", "id": "e", "node-name": "f", "name": "f", "writable": true}""");
        return QemuTool.Start(QemuTool.Need("qemu-io", "qemu-utils"),
            ["-f", "raw", .. ranges.SelectMany(range => (string[])["-c", $"write -P 165 {range}"]), $"nbd+unix:///f?socket={socket}"]);
    }

    private sealed class Ending(Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await end();
    }
}
