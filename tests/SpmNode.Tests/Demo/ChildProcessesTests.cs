using System.Diagnostics;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.SpmNode.Tests.Demo;

public sealed class ChildProcessesTests
{
    [Fact]
    public async Task Children_end_with_the_object_that_started_them()
    {
        using var run = RunDirectory.Create(null, 0);
        ChildProcess child;
        using (var children = new ChildProcesses(run))
        {
            child = await children.StartAsync("sleeper", "sleep", "1000");
            Assert.True(ProcessIdentity.Of(child.Pid)!.Value.IsAlive);
        }
        Assert.Null(ProcessIdentity.Of(child.Pid));
    }

    [Fact]
    public async Task A_tool_is_run_to_its_end_and_a_missing_one_is_known_as_missing()
    {
        using var run = RunDirectory.Create(null, 0);
        using var children = new ChildProcesses(run);
        var said = await children.RunAsync("sh", ["-c", "echo out; echo err >&2; exit 3"], TimeSpan.FromSeconds(20), default);
        Assert.Equal((3, "out\n", "err\n"), (said.ExitCode, said.Output, said.Errors));
        Assert.True((await children.RunAsync("no-such-tool-anywhere", [], TimeSpan.FromSeconds(20), default)).IsMissing);
    }

    /// A run that was killed before its children could be told to die with it: only the mark in their environment leads to them.
    [Fact]
    public void What_a_dead_run_left_is_found_and_removed_and_nothing_else()
    {
        var left = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), RunDirectory.Prefix + "left" + Environment.ProcessId)).FullName;
        File.WriteAllText(Path.Combine(left, RunDirectory.OwnerFile), $"{int.MaxValue} 1 {Leftovers.BootId()}\n");
        using var ours = Sleeper(RunDirectory.Marker, left);
        using var foreign = Sleeper(RunDirectory.Marker, left + "x");
        using var living = RunDirectory.Create(null, 0);
        using var alive = Sleeper(RunDirectory.Marker, living.Path);
        try
        {
            Leftovers.Remove(_ => { });
            Assert.True(ours.WaitForExit(5000));
            Assert.False(Directory.Exists(left));
            Assert.False(foreign.HasExited);
            Assert.False(alive.HasExited);
            Assert.True(Directory.Exists(living.Path));
        }
        finally
        {
            foreach (var process in new[] { ours, foreign, alive }.Where(process => !process.HasExited))
            {
                process.Kill();
            }
        }
    }

    [Fact]
    public void A_signal_reaches_only_the_process_it_was_meant_for()
    {
        using var sleeper = Sleeper("A", "b");
        var real = ProcessIdentity.Of(sleeper.Id)!.Value;
        Assert.False(new ProcessIdentity(real.Pid, real.StartTicks + 1).Signal(Native.SIGKILL));
        Assert.False(real.Signal(Native.SIGKILL, _ => false));
        Assert.True(real.IsAlive);
        Assert.Equal(real, ProcessIdentity.TryParse($"{real}"));
        Assert.True(real.Signal(Native.SIGKILL));
        Assert.True(sleeper.WaitForExit(5000));
        Assert.False(real.IsAlive);
    }

    [Theory]
    [InlineData("")]
    [InlineData("12")]
    [InlineData("-3 4")]
    [InlineData("x y")]
    public void A_garbled_owner_is_nobody(string text) => Assert.Null(ProcessIdentity.TryParse(text));

    static Process Sleeper(string variable, string value) =>
        Process.Start(new ProcessStartInfo("sleep", "1000") { Environment = { [variable] = value } })!;
}
