using OvirtSpm.Node.Cli;
using OvirtSpm.Node.Demo;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

/// <summary>What goes wrong beside the command itself. What becomes of it when the lease is lost: Interop, CliLeaseHoldTests.</summary>
public sealed class HeldCommandTests : IDisposable
{
    readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    /// It would otherwise be waited for for ever, and the lease be held as long.
    [Fact]
    public async Task When_nobody_can_say_whether_something_was_left_behind_that_is_said()
    {
        using var command = HeldCommand.Start(["true"], new LastingLease(), Inherit, () => throw new IOException("no locks here"));
        var failed = await Assert.ThrowsAsync<IOException>(() => command.Exited.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal("no locks here", failed.Message);
    }

    /// The guard is what kills it when this process dies: without one it would outlive its lease.
    [Fact]
    public void A_command_whose_guard_is_gone_is_killed_at_once_and_it_is_known_that_it_ran()
    {
        var ran = false;
        var pid = 0;
        Assert.Throws<IOException>(() => HeldCommand.Start(["sleep", "86311"], new LastingLease(), () =>
        {
            // The last thing before the command is started.
            KillGuard();
            return Inherit();
        }, () => false, () =>
        {
            ran = true;
            pid = ChildWith("86311");
        }));
        Assert.True(ran);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (ProcessIdentity.Of(pid) is not null)
        {
            limit.Token.ThrowIfCancellationRequested();
            Thread.Sleep(5);
        }
    }

    [Theory]
    [InlineData(false, LeaseHoldVerb.NotTaken, "not-taken")]
    [InlineData(true, LeaseHoldVerb.Lost, "failed")]
    public async Task The_exit_code_says_whether_the_command_may_have_run(bool startsIt, int code, string said)
    {
        var told = new List<string>();
        Assert.Equal(code, await LeaseHoldVerb.GuardAsync(
            started =>
            {
                if (startsIt)
                {
                    started();
                }
                throw new IOException("the path is gone");
            },
            (what, text) => told.Add($"{what}: {text}")));
        Assert.Equal([$"{said}: the path is gone"], told);
    }

    InheritedLock Inherit() => new(file, 0, 512);

    static void KillGuard()
    {
        var guard = ChildWith("guard\0SPM_LEASE_HOLD=");
        Assert.True(ProcessIdentity.Of(guard)!.Value.Signal(Native.SIGKILL));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (ProcessIdentity.Of(guard) is not null)
        {
            limit.Token.ThrowIfCancellationRequested();
            Thread.Sleep(5);
        }
    }

    /// Looked for again: a process that is just becoming another program has no command line for a moment.
    static int ChildWith(string words)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var found = Children().Where(child => Text(child, "cmdline").Contains(words, StringComparison.Ordinal)).ToList();
            if (found.Count > 0)
            {
                return Assert.Single(found);
            }
            limit.Token.ThrowIfCancellationRequested();
            Thread.Sleep(1);
        }
    }

    static IEnumerable<int> Children() =>
        from entry in Directory.EnumerateDirectories("/proc")
        where int.TryParse(Path.GetFileName(entry), out _)
        let pid = int.Parse(Path.GetFileName(entry), System.Globalization.CultureInfo.InvariantCulture)
        where Text(pid, "status").Contains($"\nPPid:\t{Environment.ProcessId}\n", StringComparison.Ordinal)
        select pid;

    static string Text(int pid, string name)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{name}");
        }
        catch (IOException)
        {
            return "";
        }
    }

    sealed class LastingLease : IHeldLease
    {
        public string Name => "x";

        public ulong Version => 1;

        public TimeSpan IoTimeout => TimeSpan.FromSeconds(1);

        public TimeSpan Margin => TimeSpan.FromHours(1);

        public TimeSpan ExpiresAt => NodeComposition.BootClock.GetElapsedTime(0) + Margin;

        public Task<string> Lost { get; } = new TaskCompletionSource<string>().Task;

        public Task<string?> ReleaseAsync() => Task.FromResult<string?>(null);
    }
}
