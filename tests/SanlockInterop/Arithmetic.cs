using OvirtSpm.Leases;

namespace OvirtSpm.SanlockInterop;

/// <summary>T = 2 s, because a loaded machine may miss a deadline of 8 s; W = 60 s, because sanlock 3.8.5 knows no other.</summary>
internal static class Arithmetic
{
    public const int T = 2;

    /// <summary>What a machine busy with other tests may be late: neither side promises when it runs, only that it does not run too early.</summary>
    public static readonly TimeSpan Allowance = TimeSpan.FromSeconds(15);

    public static LeaseTiming Timing { get; } = new(TimeSpan.FromSeconds(T), TimeSpan.FromSeconds(60));

    /// <summary>8 T + W and what comes on top: not earlier, and within a tenth.</summary>
    /// <param name="took">From the last renewal of the dead host, or a little more.</param>
    public static void AssertNotEarlyAndNotLate(string what, TimeSpan took, TimeSpan onTop = default)
    {
        var due = Timing.HostDead + onTop;
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {took.TotalSeconds:0.00} s after the last renewal; 8 T + W{(onTop > TimeSpan.Zero ? " + 2 T" : "")} = {due.TotalSeconds:0} s");
        Assert.InRange(took, due, (1.1 * due) + Allowance);
    }
}
