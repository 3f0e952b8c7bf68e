using System.Net.Sockets;
using OvirtSpm.Lab.Boot;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A virtual host: a real kernel under software emulation, with this machine's files read-only as its root.</summary>
internal sealed class LabHost : IAsyncDisposable
{
    /// <summary>The processor's own counter is measured against another clock while the host boots, which a busy machine disturbs; this one is not.</summary>
    private const string Clock = "clocksource=hpet tsc=unstable";

    private const int Sigstop = 19, Sigcont = 18;

    private readonly LabRun _run;
    private readonly ChildProcess _process;
    private readonly QmpSession _monitor;
    private readonly LabAgent _agent;

    private LabHost(LabRun run, int number, ChildProcess process, QmpSession monitor, LabAgent agent) =>
        (_run, Number, _process, _monitor, _agent) = (run, number, process, monitor, agent);

    public int Number { get; }

    public string Name => $"host{Number}";

    /// <summary>On the network between the hosts.</summary>
    public string Address => AddressOf(Number);

    /// <summary>A directory that it and this machine share, under the same path.</summary>
    public string Share => _run.At($"h{Number}");

    public bool IsOn => !_process.HasExited;

    /// <summary>What its kernel wrote to the serial line.</summary>
    public string SerialLog => File.ReadAllText(_run.Log(Name));

    /// <summary>To files of this machine, its LUNs among them, by the emulator that it is.</summary>
    public long WrittenBytes => long.Parse(File.ReadLines($"/proc/{_process.Pid}/io").Single(line => line.StartsWith("write_bytes:", StringComparison.Ordinal)).Split(' ')[1]);

    public static string AddressOf(int number) => $"10.11.12.{number}";

    /// <summary>Returns when it takes commands.</summary>
    public static async Task<LabHost> BootAsync(LabRun run, int number, IReadOnlyList<LabLun> luns)
    {
        var (name, share, stop) = ($"host{number}", run.At($"h{number}"), TestContext.Current.CancellationToken);
        Directory.CreateDirectory(share);
        var (agentSocket, qmpSocket) = (Path.Combine(share, "agent.sock"), Path.Combine(share, "qmp.sock"));
        File.Delete(agentSocket);
        File.Delete(qmpSocket);
        List<string> arguments =
        [
            "-machine", "q35,accel=tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-kernel", LabKernel.Image, "-initrd", run.Initramfs,
            "-append", $"console=ttyS0 quiet panic=-1 {Clock} lab.name={name} lab.address={AddressOf(number)} lab.share={share}",
            "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-fsdev", $"local,id=share,path={share},security_model=none", "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
            "-chardev", $"socket,id=agent,path={agentSocket},server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=lab",
            "-device", "i6300esb", "-action", "watchdog=reset", "-no-reboot",
            "-qmp", $"unix:{qmpSocket},server=on,wait=off",
            "-device", "virtio-scsi-pci",
        ];
        foreach (var lun in luns)
        {
            arguments.AddRange(LabPath.Arguments(lun));
        }

        var process = await (await run.NetworkAsync()).StartAsync(run, name, number, arguments);
        var agent = await LabAgent.ConnectAsync(agentSocket, share, process, stop);
        var monitor = await QmpSession.OpenAsync(await SocketAsync(qmpSocket, process, stop), QmpLimits.Default, TimeProvider.System, stop);
        var host = new LabHost(run, number, process, monitor, agent);
        try
        {
            await agent.ReadyAsync();
        }
        catch (Exception failed)
        {
            throw new InvalidOperationException($"{name} did not boot ({failed.Message}): {host.SerialLog}", failed);
        }

        return host;
    }

    /// <summary>Runs a shell script on it, to its end.</summary>
    public Task<ToolOutcome> RunAsync(string script, TimeSpan? patience = null) => _agent.RunAsync(script, patience ?? LabWait.Patience);

    /// <summary>As <see cref="RunAsync"/>, and it must succeed.</summary>
    /// <returns>What it printed.</returns>
    public async Task<string> DoAsync(string script, TimeSpan? patience = null)
    {
        var outcome = await RunAsync(script, patience);
        Assert.True(outcome.ExitCode == 0, $"{Name}: '{script}' ended with {outcome.ExitCode}: {outcome.Excerpt}\n{SerialLog}");
        return outcome.Output;
    }

    public async Task<long> SizeAsync(string device) => long.Parse(await DoAsync($"blockdev --getsize64 {device}"));

    /// <summary>It stands still with all that is on its way, while time goes on: its clocks show that afterwards.</summary>
    public void Freeze() => Signal(Sigstop);

    public void Thaw() => Signal(Sigcont);

    /// <summary>As when the cable is pulled.</summary>
    public Task CutNetworkAsync(bool cut = true) => ExecuteAsync("set_link", json =>
    {
        json.WriteString("name", "nic");
        json.WriteBoolean("up", !cut);
    });

    /// <summary>Its path to a LUN: reads and writes fail, or hang, until it is whole again.</summary>
    public Task SetPathAsync(LabLun lun, LabPathState state) => LabPath.SetAsync(_monitor, lun, state);

    /// <summary>Gone at once, with whatever was in its memory.</summary>
    public async Task PowerOffAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Its watchdog fired, or its kernel panicked: it went off by itself.</summary>
    public async Task ResetByItselfAsync(TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        _agent.Dispose();
        await _monitor.DisposeAsync();
    }

    internal static async Task<Stream> SocketAsync(string path, ChildProcess process, CancellationToken stop)
    {
        for (; ; await Task.Delay(20, stop))
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException) when (!process.HasExited)
            {
                socket.Dispose();
            }
        }
    }

    private void Signal(int signal) => Assert.True(ProcessIdentity.Of(_process.Pid)?.Signal(signal));

    private async Task ExecuteAsync(string command, Action<System.Text.Json.Utf8JsonWriter>? arguments = null) =>
        await _monitor.ExecuteAsync(command, arguments, TestContext.Current.CancellationToken);
}
