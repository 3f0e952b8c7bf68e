using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Monitor;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Interop.Qemu;

/// <summary>A real QEMU with two QMP sockets: one for the watch under test, one for the test.</summary>
internal sealed class QemuProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly IAsyncEnumerator<QmpSession> sessions;
    private bool ended;

    private QemuProcess(Process process, IAsyncEnumerator<QmpSession> sessions, IQmpTransport watchTransport) =>
        (this.process, this.sessions, WatchTransport) = (process, sessions, watchTransport);

    /// <summary>QEMU serves one client per socket; this one is the watch's.</summary>
    public IQmpTransport WatchTransport { get; }

    /// <summary>The test's own session.</summary>
    public QmpSession Control => sessions.Current;

    /// <summary>Returns when QEMU answers.</summary>
    public static async Task<QemuProcess> StartAsync(QemuFolder folder, params IEnumerable<string> arguments)
    {
        var (watch, control) = (folder["watch.sock"], folder["control.sock"]);
        var process = QemuTool.Start(QemuTool.Need("qemu-system-x86_64", "qemu-system-x86"),
            ["-nodefaults", "-display", "none", "-qmp", $"unix:{watch},server=on,wait=off", "-qmp", $"unix:{control},server=on,wait=off", .. arguments]);
        var connection = new QmpConnection(new QemuMonitorSocket(control), QmpLimits.Default,
            new BackOff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100)), TimeProvider.System);
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var sessions = connection.SessionsAsync(late.Token).GetAsyncEnumerator();
        if (!await sessions.MoveNextAsync())
        {
            await QemuTool.EndAsync(process);
            Assert.Fail($"QEMU did not answer: {connection.Trouble}");
        }
        return new(process, sessions, new QemuMonitorSocket(watch));
    }

    public ValueTask<JsonElement> ExecuteAsync(string command, string arguments = "{}") =>
        Control.ExecuteAsync(command, json =>
        {
            using var given = JsonDocument.Parse(arguments);
            foreach (var member in given.RootElement.EnumerateObject())
                member.WriteTo(json);
        }, default);

    /// <summary>SIGKILL, as a crash would.</summary>
    public async Task KillAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    public Task ExitedAsync() => process.WaitForExitAsync();

    public async ValueTask DisposeAsync()
    {
        if (ended)
            return;
        ended = true;
        await QemuTool.EndAsync(process);
        await sessions.DisposeAsync();
    }
}
