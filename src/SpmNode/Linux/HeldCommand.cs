using System.Diagnostics;
using System.Runtime.InteropServices;
using OvirtSpm.Node.Demo;
using OvirtSpm.Node.LeaseService;

namespace OvirtSpm.Node.Linux;

/// <summary>A command in a session of its own that does not outlive this process.</summary>
/// <remarks>
/// Four things end it: we, by signals to its group; <c>setpriv --pdeathsig KILL</c>, when this process is killed; a guard (a shell that
/// waits for its input to end, which it does with us), which then kills the whole group; and <see cref="EndTimer"/>, which kills us when
/// we are stopped. What leaves the group is found by the environment it was started with, as long as we live; the lock that it inherits
/// (<see cref="InheritedLock"/>) keeps this machine from giving the lease away while it runs.
/// </remarks>
sealed partial class HeldCommand : IHeldCommand, IDisposable
{
    const string Marker = "SPM_LEASE_HOLD";
    static readonly TimeSpan LeftBehindLook = TimeSpan.FromMilliseconds(100);
    readonly TaskCompletionSource<int> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly ManualResetEventSlim done;
    readonly EndTimer timer = new();
    readonly string mark;
    readonly Process command;
    readonly Process guard;
    readonly Func<bool> hasHeirs;

    HeldCommand(Process command, Process guard, string mark, ManualResetEventSlim done, Func<bool> hasHeirs)
    {
        (this.command, this.guard, this.mark, this.done, this.hasHeirs) = (command, guard, mark, done, hasHeirs);
        _ = WaitAsync();
    }

    /// <summary>Completes when nothing of it is left: what it started and left behind has inherited the lock, and works under the lease, too.</summary>
    public Task<int> Exited => exited.Task;

    /// <summary>The command itself has ended; something it started has not.</summary>
    public bool IsLeftBehind => command.HasExited && !exited.Task.IsCompleted;

    /// <param name="inherit">Takes the lock that the command inherits.</param>
    /// <param name="hasHeirs">Does anybody but us still have that lock?</param>
    /// <exception cref="Refusal">It cannot be started.</exception>
    public static HeldCommand Start(IReadOnlyList<string> words, IHeldLease lease, Func<InheritedLock> inherit, Func<bool> hasHeirs)
    {
        var mark = Guid.NewGuid().ToString("n");
        // Before the lock is there: the guard must not inherit it.
        var guard = StartGuard();
        // Without a group of its own a signal to it would reach us, too.
        var start = new ProcessStartInfo("setsid", ["setpriv", "--pdeathsig", "KILL", "--", .. words]);
        start.Environment[Marker] = mark;
        start.Environment["SPM_LEASE_NAME"] = lease.Name;
        start.Environment["SPM_LEASE_VERSION"] = $"{lease.Version}";
        try
        {
            using var inherited = inherit();
            var (command, done) = StartOnLastingThread(start);
            guard.StandardInput.WriteLine(command.Id);
            guard.StandardInput.Flush();
            return new HeldCommand(command, guard, mark, done, hasHeirs);
        }
        catch
        {
            guard.Kill();
            guard.Dispose();
            throw;
        }
    }

    public void Terminate() => Signal(Native.SIGTERM);

    public void Kill()
    {
        Signal(Native.SIGKILL);
        KillStrays();
    }

    public void EndUnlessPutOff(TimeSpan after) => timer.Put(after);

    /// <summary>After it has ended; one that has not is killed, since nobody keeps it to its lease any more.</summary>
    public void Dispose()
    {
        if (!exited.Task.IsCompleted)
        {
            Kill();
        }
        if (!guard.HasExited)
        {
            // Before its input ends: the group's number may belong to somebody else by then.
            guard.Kill();
            guard.WaitForExit();
        }
        guard.Dispose();
        timer.Dispose();
        done.Set();
    }

    async Task WaitAsync()
    {
        await command.WaitForExitAsync();
        var code = command.ExitCode;
        while (hasHeirs())
        {
            await Task.Delay(LeftBehindLook);
        }
        exited.SetResult(code);
    }

    static Process StartGuard()
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", "read -r group; read -r _; kill -KILL \"-$group\""]) { RedirectStandardInput = true };
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception failed)
        {
            throw Refusal.Unavailable($"setsid cannot be started ({failed.Message}): install util-linux.");
        }
    }

    /// <remarks>A group keeps its number as long as one process is in it, and nobody else can get that number: an empty one is not found.</remarks>
    void Signal(int signal) => _ = kill(-command.Id, signal);

    void KillStrays()
    {
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(entry), out var pid) && pid != Environment.ProcessId && IsOurs(pid) && ProcessIdentity.Of(pid) is { } process)
            {
                process.Signal(Native.SIGKILL, IsOurs);
            }
        }
    }

    bool IsOurs(int pid) => ProcessIdentity.WasStartedWith(pid, Marker, mark);

    /// <summary>The kernel's death signal is tied to the thread that forked: one of the pool may end at any time.</summary>
    static (Process Command, ManualResetEventSlim Done) StartOnLastingThread(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process>();
        var done = new ManualResetEventSlim();
        new Thread(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception failed)
            {
                started.SetException(Refusal.Unavailable($"setsid cannot be started ({failed.Message}): install util-linux."));
                return;
            }
            done.Wait();
        }) { IsBackground = true, Name = "held command" }.Start();
        return (started.Task.GetAwaiter().GetResult(), done);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
