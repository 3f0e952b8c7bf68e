namespace OvirtSpm.Simulation.Crashes;

/// <summary>Every operation, and every write of it: the SPM's program or its whole machine dies there. No point has a name, so none is forgotten.</summary>
/// <remarks>All checkers of the world look on: lineage, exclusion, extents, owners of data, what lvm2 would read.</remarks>
public class CrashTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("create cow", false)]
    [InlineData("create cow", true)]
    [InlineData("create raw", false)]
    [InlineData("remove", false)]
    [InlineData("remove", true)]
    [InlineData("extend cow", false)]
    [InlineData("extend cow", true)]
    [InlineData("extend raw", false)]
    [InlineData("extend raw", true)]
    public void Wherever_the_SPM_dies_the_operation_is_done_or_never_happened_and_its_caller_learns_which(string operation, bool isReset)
    {
        var (done, undone) = (0, 0);
        for (var write = 1; ; write++)
        {
            var world = new CrashWorld(operation, seed: 4000 + (ulong)write);
            var acknowledged = world.DieAt(write, isReset);
            if (!world.HasDied)
            {
                Assert.InRange(write, 6, 80);
                break;
            }

            world.Settle();
            (done, undone) = world.Happened ? (done + 1, undone) : (done, undone + 1);
            world.Check(acknowledged);
        }

        output.WriteLine($"{operation}, {(isReset ? "machine" : "program")}: {done} done, {undone} never happened");
        Assert.True(undone > 0, "no death came before it took effect");
    }
}
