using System.Diagnostics;

namespace OvirtSpm.Node.Bench;

/// <summary>Stock lvm2 confined to one loop device.</summary>
sealed class StockLvm : IDisposable
{
    readonly string device;

    StockLvm(string device) => this.device = device;

    public static async Task<StockLvm> AttachAsync(string file) => new((await RunAsync("losetup", ["--find", "--show", "--direct-io=on", file])).Trim());

    public Task ExtendAsync(string volume) => RunAsync("lvm",
    [
        "lvextend", "--driverloaded", "n", "--autobackup", "n", "-l", "+1", "--config",
        $$"""devices{use_devicesfile=0 hints="none" filter=["a|^{{device}}$|","r|.*|"]} backup{backup=0 archive=0} activation{udev_sync=0 udev_rules=0 monitoring=0}""",
        volume,
    ]);

    public void Dispose() => RunAsync("losetup", ["--detach", device]).GetAwaiter().GetResult();

    static async Task<string> RunAsync(string tool, string[] arguments)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Refusal.Unavailable($"{tool} is not installed; the measurement compares with stock lvm2. Install lvm2.");
        }
        using (process)
        {
            var (output, complaint) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            return process.ExitCode == 0
                ? await output
                : throw Refusal.Unavailable($"{tool} {arguments[0]} failed: {(await complaint).Trim()} (loop devices need root)");
        }
    }
}
