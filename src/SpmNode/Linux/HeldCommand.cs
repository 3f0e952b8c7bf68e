using System.Diagnostics;
using System.Runtime.InteropServices;
using OvirtSpm.Node.Demo;
using OvirtSpm.Node.LeaseService;

namespace OvirtSpm.Node.Linux;

/// <summary>A command in a session of its own that does not outlive this process.</summary>
/// <remarks>
/// Four things end it: we, by signals to its group; <c>setpriv --pdeathsig KILL</c>, when this process is killed; a guard (a shell that
/// waits for its input to end, which it does with us), which then kills the whole group and what was started with its mark; and <see cref="KillTimer"/>, which kills us when
/// we are stopped. What hides from all of them still has the lock that it inherited (<see cref="InheritedLock"/>), which keeps this
/// machine from giving the lease away while it runs.
/// </remarks>
sealed partial class HeldCommand : IHeldCommand, IDisposable
{
    const string Marker = "SPM_LEASE_HOLD";

    /// <summary>Waits until its input ends, then kills the group, and whoever was started with the mark: also when we died before we could name the group.</summary>
    const string GuardScript = """
        read -r group; read -r _
        [ -n "$group" ] && kill -KILL "-$group"
        for again in 1 2; do
            grep -la "$1" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do kill -KILL "$pid"; done
        done
        """;

    static readonly TimeSpan LeftBehindLook = TimeSpan.FromMilliseconds(100);
    readonly TaskCompletionSource<int> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly ManualResetEventSlim done;
    readonly KillTimer timer;
    readonly string mark;
    readonly Process command;
    readonly Process guard;
    readonly Func<bool> hasHeirs;

    HeldCommand(Process command, Process guard, KillTimer timer, string mark, ManualResetEventSlim done, Func<bool> hasHeirs)
    {
        (this.command, this.guard, this.timer, this.mark, this.done, this.hasHeirs) = (command, guard, timer, mark, done, hasHeirs);
        _ = WaitAsync();
    }

    /// <summary>Completes when nothing of it is left: what it started and left behind has inherited the lock, and works under the lease, too.</summary>
    public Task<int> Exited => exited.Task;

    /// <param name="inherit">Takes the lock that the command inherits.</param>
    /// <param name="hasHeirs">Does anybody but us still have that lock?</param>
    /// <param name="started">Called when the command runs, whatever comes after.</param>
    /// <exception cref="Refusal">It cannot be started.</exception>
    /// <exception cref="IOException">It was started and killed at once: nobody could have kept it to its lease.</exception>
    public static HeldCommand Start(IReadOnlyList<string> words, IHeldLease lease, Func<InheritedLock> inherit, Func<bool> hasHeirs, Action? started = null)
    {
        var mark = Guid.NewGuid().ToString("n");
        if (lease.ExpiresAt <= TimeSpan.Zero)
        {
            throw Refusal.Unavailable($"the lease '{lease.Name}' was lost before the command was started.");
        }
        // Before the command is there: stopped right after its start, we would leave it without an end.
        var timer = new KillTimer();
        timer.Arm(lease.ExpiresAt - HoldPlan.EndOurselvesAt(lease.IoTimeout));
        // Before the lock is there: the guard must not inherit it.
        var guard = StartGuard(mark);
        // Without a group of its own a signal to it would reach us, too.
        var start = new ProcessStartInfo("setsid", ["setpriv", "--pdeathsig", "KILL", "--", .. words]);
        start.Environment[Marker] = mark;
        start.Environment["SPM_LEASE_NAME"] = lease.Name;
        start.Environment["SPM_LEASE_VERSION"] = $"{lease.Version}";
        (Process Command, ManualResetEventSlim Done)? running = null;
        try
        {
            using var inherited = inherit();
            running = StartOnLastingThread(start);
            started?.Invoke();
            var (command, done) = running.Value;
            guard.StandardInput.WriteLine(command.Id);
            guard.StandardInput.Flush();
            return new HeldCommand(command, guard, timer, mark, done, hasHeirs);
        }
        catch
        {
            if (running is { } orphan)
            {
                _ = kill(-orphan.Command.Id, Native.SIGKILL);
                KillStrays(mark);
                orphan.Done.Set();
                orphan.Command.Dispose();
            }
            guard.Kill();
            guard.Dispose();
            timer.Dispose();
            throw;
        }
    }

    public void Terminate() => Signal(Native.SIGTERM);

    public void Kill()
    {
        Signal(Native.SIGKILL);
        KillStrays(mark);
    }

    public void EndUnlessPutOff(TimeSpan at) => timer.Arm(at);

    /// <summary>After it has ended; one that has not is killed, since nobody keeps it to its lease any more.</summary>
    public void Dispose()
    {
        if (!exited.Task.IsCompletedSuccessfully)
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
        try
        {
            await command.WaitForExitAsync();
            var code = command.ExitCode;
            while (hasHeirs())
            {
                await Task.Delay(LeftBehindLook);
            }
            exited.SetResult(code);
        }
        catch (Exception failed)
        {
            // What it left behind cannot be known: an end that nobody is told of would hold the lease for ever.
            exited.SetException(failed);
        }
    }

    static Process StartGuard(string mark)
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", GuardScript, "guard", $"{Marker}={mark}"]) { RedirectStandardInput = true };
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

    static void KillStrays(string mark)
    {
        bool IsOurs(int pid) => ProcessIdentity.WasStartedWith(pid, Marker, mark);

        // Twice: a process that is just becoming another program has no environment for a moment, and one may be born behind our back.
        for (var again = 0; again < 2; again++)
        {
            foreach (var entry in Directory.EnumerateDirectories("/proc"))
            {
                if (int.TryParse(Path.GetFileName(entry), out var pid) && pid != Environment.ProcessId && IsOurs(pid) && ProcessIdentity.Of(pid) is { } process)
                {
                    process.Signal(Native.SIGKILL, IsOurs);
                }
            }
        }
    }

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
