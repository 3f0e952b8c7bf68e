using OvirtSpm.Node.Demo;
using static OvirtSpm.Interop.Cli.CliHold;

namespace OvirtSpm.Interop.Cli;

/// What becomes of a command when <c>spm lease hold</c> itself dies or stands still.
public sealed class CliLeaseHoldDeathTests
{
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
        Assert.Contains("'x' is free", (await CliSpm.RunAsync("lease", "release", "--lun", lun.Path, "--name", "x")).Succeeded().Output);
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
}
