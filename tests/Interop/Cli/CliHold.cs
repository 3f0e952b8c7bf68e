using System.Diagnostics;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Cli;

/// <summary><c>spm lease hold</c> of the lease x on a LUN of its own.</summary>
static class CliHold
{
    public const int SigStop = 19;

    /// A shell with a child in its group, and one in a session of its own that says so itself.
    public const string Family = "setsid sh -c 'echo escaped $$; exec sleep 300' & sleep 300 & echo child $!; echo shell $$; wait";

    public static async Task<Dictionary<string, int>> FamilyAsync(Process hold)
    {
        var family = new Dictionary<string, int>();
        while (family.Count < 3)
        {
            var words = (await hold.StandardOutput.ReadLineAsync())!.Split(' ');
            family[words[0]] = int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
        }
        return family;
    }

    public static async Task<CliLun> WithLeaseAsync()
    {
        var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("lease", "create", "--lun", lun.Path, "--name", "x")).Succeeded();
        return lun;
    }

    public static Process Start(CliLun lun, params string[] command)
    {
        var start = new ProcessStartInfo(CliSpm.Program, ["lease", "hold", "--lun", lun.Path, "--name", "x", "--", .. command])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(CliLun lun, string[] options, params string[] command)
    {
        using var process = CliSpm.Start(["lease", "hold", "--lun", lun.Path, "--name", "x", .. options, "--", .. command]);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(90));
        return (process.ExitCode, await output, await error);
    }

    public static async Task GoneAsync(int pid)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (ProcessIdentity.Of(pid) is not null)
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
