using System.Diagnostics;

namespace OvirtSpm.Interop.Sleep;

/// <summary>The real dbus-daemon on a socket of its own, as open as a test wants it.</summary>
sealed class PrivateBus : IAsyncDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("spm-bus-").FullName;
    readonly Process daemon;

    PrivateBus()
    {
        var configuration = Path.Combine(folder, "bus.conf");
        File.WriteAllText(configuration, $"""
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <listen>unix:path={folder}/bus</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*"/><allow send_type="signal"/><allow own="*"/>
                <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
              </policy>
            </busconfig>
            """);
        var start = new ProcessStartInfo("dbus-daemon", ["--config-file", configuration, "--nofork", "--nopidfile", "--print-address"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        daemon = Process.Start(start)!;
        // Emptied: it warns of limits that a container does not let it raise.
        daemon.BeginErrorReadLine();
    }

    public string Address { get; private set; } = "";

    public static async Task<PrivateBus> StartAsync()
    {
        Demo.DemoTools.Need("dbus-daemon", "dbus-send");
        var bus = new PrivateBus();
        // Printed when it listens.
        bus.Address = await bus.daemon.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? "";
        Assert.StartsWith("unix:path=", bus.Address);
        return bus;
    }

    public async ValueTask DisposeAsync()
    {
        daemon.Kill();
        await daemon.WaitForExitAsync();
        daemon.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
