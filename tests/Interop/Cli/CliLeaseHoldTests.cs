using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Demo;
using static OvirtSpm.Interop.Cli.CliHold;

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
        (await CliSpm.RunAsync("lease", "release", "--lun", lun.Path, "--name", "x")).Refused("held by 'offline-240' (host id 240)");
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
}
