using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>Starts QEMU's tools so that none of them outlives this process, whatever ends it.</summary>
/// <remarks>
/// After <c>kill -9</c> a tool that goes on would keep a file or the half of an export open that nobody waits for. The kernel's death signal
/// (<c>setpriv --pdeathsig</c>) is tied to the *thread* that forked, so one thread starts all of them and lives as long as the process. One
/// that was not told yet when this process died is found by <see cref="ScratchDirectory.RemoveLeftovers"/>.
/// </remarks>
static class QemuProcess
{
    static readonly BlockingCollection<Action> starts = [];

    static QemuProcess() => new Thread(() =>
    {
        foreach (var start in starts.GetConsumingEnumerable())
        {
            start();
        }
    }) { IsBackground = true, Name = "QEMU's tools" }.Start();

    /// <param name="otherwise">What to say when the program is not installed.</param>
    /// <param name="talks">It is driven through its standard input.</param>
    /// <exception cref="Refusal">It cannot be started.</exception>
    public static Process Start(string program, IEnumerable<string> arguments, string otherwise, bool talks = false)
    {
        // setpriv would be started in any case, and only its exit code would tell.
        var found = Find(program) ?? throw Refusal.Unavailable(otherwise);
        var description = new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", "--", found, .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = talks,
        };
        var started = new TaskCompletionSource<Process>();
        starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(description)!);
            }
            catch (Win32Exception failed)
            {
                started.SetException(Refusal.Unavailable(
                    $"setpriv cannot be started ({failed.Message}): install util-linux. Without it a killed spm would leave {program} behind."));
            }
            catch (Exception failed)
            {
                started.SetException(failed);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
