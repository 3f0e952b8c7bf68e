using System.Net.Sockets;
using System.Text.Json;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Node.Activation.Nbd.Client;

namespace OvirtSpm.Node.Demo;

/// <summary>One real QEMU without a machine: the guest's disk as qcow2 over a node's NBD socket, and QEMU's own export of it.</summary>
/// <remarks>
/// Two monitors, since a QMP socket serves one client at a time: the node watches through one, this object commands through the other.
/// Writes enter through the export; with HMP's qemu-io they would block every monitor while the volume is extended.
/// </remarks>
sealed class DemoQemu : IAsyncDisposable
{
    /// <summary>QEMU limits node names to 31 characters.</summary>
    const string DiskNode = "disk", Export = "disk";

    readonly QmpSession monitor;
    readonly string exportSocket;
    readonly ChildProcess process;

    DemoQemu(ChildProcess process, QmpSession monitor, string watchSocket, string exportSocket) =>
        (this.process, this.monitor, WatchSocket, this.exportSocket) = (process, monitor, watchSocket, exportSocket);

    /// <summary>The QMP socket that is free for the node.</summary>
    public string WatchSocket { get; }

    public ChildProcess Process => process;

    /// <param name="name">Short: part of socket names.</param>
    /// <param name="blockDevice">What the activation printed.</param>
    /// <exception cref="Refusal">QEMU is missing or does not open the volume; its own words are told.</exception>
    public static async Task<DemoQemu> StartAsync(
        ChildProcesses children, RunDirectory run, string name, string blockDevice, CancellationToken stop)
    {
        var file = BlockDeviceOptions.Parse(blockDevice);
        var fileNode = file["node-name"] ?? "file";
        var (control, watch) = (run.At(name + ".ctl"), run.At(name + ".qmp"));
        var process = await children.StartAsync(
            name, "qemu-system-x86_64",
            "-machine", "none", "-nodefaults", "-display", "none",
            "-qmp", $"unix:{control},server=on,wait=off", "-qmp", $"unix:{watch},server=on,wait=off",
            "-blockdev", $"{file.With("node-name", fileNode)}",
            "-blockdev", $"driver=qcow2,node-name={DiskNode},file={fileNode},discard=ignore,detect-zeroes=off");
        var monitor = await ConnectAsync(process, control, run.Log(name), stop);
        var qemu = new DemoQemu(process, monitor, watch, run.At(name + ".nbd"));
        await qemu.OpenExportAsync(stop);
        return qemu;
    }

    /// <summary>The guest's disk as the guest sees it.</summary>
    public Task<NbdClient> OpenDiskAsync(CancellationToken stop) => NbdClient.ConnectAsync(exportSocket, Export, stop);

    /// <summary>Closes the image in good order and ends QEMU.</summary>
    /// <exception cref="Refusal">It did not end in time.</exception>
    public async Task QuitAsync(CancellationToken stop)
    {
        await ExecuteAsync("block-export-del", json => json.WriteString("id", Export), stop);
        await ExecuteAsync("nbd-server-stop", null, stop);
        await ExecuteAsync("quit", null, stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Refusal.Unavailable($"{process.Name} (QEMU, process {process.Pid}) did not end within 30 s of being told to.");
        }
        if (process.ExitCode != 0)
        {
            throw Refusal.Unavailable($"{process.Name} (QEMU) ended with exit code {process.ExitCode}.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await monitor.DisposeAsync();
    }

    async Task OpenExportAsync(CancellationToken stop)
    {
        await ExecuteAsync("nbd-server-start", json =>
        {
            json.WriteStartObject("addr");
            json.WriteString("type", "unix");
            json.WriteStartObject("data");
            json.WriteString("path", exportSocket);
            json.WriteEndObject();
            json.WriteEndObject();
        }, stop);
        await ExecuteAsync("block-export-add", json =>
        {
            json.WriteString("type", "nbd");
            json.WriteString("id", Export);
            json.WriteString("node-name", DiskNode);
            json.WriteString("name", Export);
            json.WriteBoolean("writable", true);
        }, stop);
    }

    async Task ExecuteAsync(string command, Action<Utf8JsonWriter>? arguments, CancellationToken stop)
    {
        try
        {
            await monitor.ExecuteAsync(command, arguments, stop);
        }
        catch (QmpCommandException refused)
        {
            throw Refusal.Unavailable($"{process.Name}: {refused.Message}");
        }
    }

    static async Task<QmpSession> ConnectAsync(ChildProcess process, string path, string log, CancellationToken stop)
    {
        for (var attempt = 0; ; attempt++)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                return await QmpSession.OpenAsync(new NetworkStream(socket, ownsSocket: true), QmpLimits.Default, TimeProvider.System, stop);
            }
            catch (SocketException failed)
            {
                socket.Dispose();
                if (process.HasExited)
                {
                    throw Refusal.Unavailable(process.ExitCode == ToolOutcome.Missing
                        ? "qemu-system-x86_64 is not installed: install qemu-system-x86."
                        : $"QEMU ended with exit code {process.ExitCode}: {LogTail.Of(log)}");
                }
                if (attempt >= 1000)
                {
                    throw Refusal.Unavailable($"QEMU does not open its monitor {path}: {failed.Message}");
                }
                await Task.Delay(10, stop);
            }
        }
    }
}
