using System.Diagnostics;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Cli;

/// <c>spm lease hold</c> with real processes: T = 1 s, so a lease lives 8 s after its last renewal.
public sealed class CliLeaseHoldTests
{
    [Fact]
    public async Task A_command_runs_under_its_lease_and_gives_its_exit_code_and_others_are_refused_or_wait()
    {
        using var lun = await WithLeaseAsync();
        using var first = Start(lun, "sh", "-c", "echo $SPM_LEASE_NAME $SPM_LEASE_VERSION; read -r _; exit 7");
        Assert.Equal("x 1", await first.StandardOutput.ReadLineAsync());
        var held = (await CliSpm.RunAsync("lease", "list", "--lun", lun.Path, "--json")).Succeeded().Json[0];
        Assert.Equal(("held", 240), (held.GetProperty("state").GetString(), held.GetProperty("ownerId").GetInt32()));

        var refused = await RunAsync(lun, [], "echo", "ran");
        Assert.Equal((124, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("held by 'offline-240' (host id 240)", refused.Error);
        var waiting = RunAsync(lun, ["--wait", "60"], "echo", "mine");
        await first.StandardInput.WriteLineAsync();
        await first.WaitForExitAsync();
        Assert.Equal(7, first.ExitCode);
        Assert.Equal((0, "mine\n"), ((await waiting).ExitCode, (await waiting).Output));
        Assert.Equal("free", (await CliSpm.RunAsync("lease", "list", "--lun", lun.Path, "--json")).Succeeded().Json[0].GetProperty("state").GetString());
    }

    /// Another process writes the sector of its host id, as one with the same host id would.
    [Fact]
    public async Task When_the_lease_is_lost_all_of_the_command_is_killed_and_the_exit_code_is_125()
    {
        using var lun = await WithLeaseAsync();
        using var hold = Start(lun, "sh", "-c", "trap '' TERM; " + Family);
        var family = await FamilyAsync(hold);
        var layout = await CliLayout.ReadAsync(lun);
        var sector = lun.Read(layout.HostId(240), 512);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.HostId, sector, out var record));
        (record! with { Resource = LeaseName.Of("somebody else") }).Format(sector);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!hold.HasExited)
        {
            // Again and again: between its read and its write a renewal covers ours and sees nothing.
            lun.Write(layout.HostId(240), sector);
            await Task.Delay(50, limit.Token);
        }
        Assert.Equal(125, hold.ExitCode);
        Assert.Contains("taken by 'somebody else'", await hold.StandardError.ReadLineAsync());
        Assert.All(family.Values, pid => Assert.Null(ProcessIdentity.Of(pid)));
    }

    [Fact]
    public async Task A_hold_that_is_killed_takes_its_command_along_and_what_escaped_keeps_the_lease()
    {
        using var lun = await WithLeaseAsync();
        using var hold = Start(lun, "sh", "-c", Family);
        var family = await FamilyAsync(hold);
        hold.Kill();
        await hold.WaitForExitAsync();
        await GoneAsync(family["child"]);
        await GoneAsync(family["shell"]);

        // Its host id is not taken again, so nobody may think that its life is over before it is provably dead.
        Assert.NotNull(ProcessIdentity.Of(family["escaped"]));
        var refused = await RunAsync(lun, [], "echo", "ran");
        Assert.Equal((124, ""), (refused.ExitCode, refused.Output));
        Assert.True(ProcessIdentity.Of(family["escaped"])!.Value.Signal(Native.SIGKILL));
        await GoneAsync(family["escaped"]);
        var now = await RunAsync(lun, [], "echo", "ran");
        Assert.Equal((0, "ran\n"), (now.ExitCode, now.Output));
    }

    /// It can do nothing then; the kernel's timer ends it and its command before anybody else gets the lease.
    [Fact]
    public async Task A_hold_that_is_stopped_is_dead_with_its_command_before_a_rival_has_the_lease()
    {
        using var lun = await WithLeaseAsync();
        using var hold = Start(lun, "sh", "-c", Family);
        var family = await FamilyAsync(hold);
        Assert.True(ProcessIdentity.Of(hold.Id)!.Value.Signal(SigStop));
        var rival = await RunAsync(lun, ["--wait", "60"], "sh", "-c", $"readlink /proc/{family["child"]}/exe /proc/{hold.Id}/exe /proc/{family["shell"]}/exe; echo mine");
        Assert.Equal((0, "mine\n"), (rival.ExitCode, rival.Output));
        await hold.WaitForExitAsync();
        Assert.Equal(137, hold.ExitCode);
        ProcessIdentity.Of(family["escaped"])?.Signal(Native.SIGKILL);
    }

    const int SigStop = 19;

    /// A shell with a child in its group, and one in a session of its own that says so itself.
    const string Family = "setsid sh -c 'echo escaped $$; exec sleep 300' & sleep 300 & echo child $!; echo shell $$; wait";

    static async Task<Dictionary<string, int>> FamilyAsync(Process hold)
    {
        var family = new Dictionary<string, int>();
        while (family.Count < 3)
        {
            var words = (await hold.StandardOutput.ReadLineAsync())!.Split(' ');
            family[words[0]] = int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
        }
        return family;
    }

    static async Task<CliLun> WithLeaseAsync()
    {
        var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("lease", "create", "--lun", lun.Path, "--name", "x")).Succeeded();
        return lun;
    }

    static Process Start(CliLun lun, params string[] command)
    {
        var start = new ProcessStartInfo(CliSpm.Program, ["lease", "hold", "--lun", lun.Path, "--name", "x", "--", .. command])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    static async Task<(int ExitCode, string Output, string Error)> RunAsync(CliLun lun, string[] options, params string[] command)
    {
        using var process = CliSpm.Start(["lease", "hold", "--lun", lun.Path, "--name", "x", .. options, "--", .. command]);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(90));
        return (process.ExitCode, await output, await error);
    }

    static async Task GoneAsync(int pid)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (ProcessIdentity.Of(pid) is not null)
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
