namespace OvirtSpm.Monitor;

/// <summary>Pauses between attempts: doubling from the first to the longest, then staying there.</summary>
public readonly record struct BackOff(TimeSpan First, TimeSpan Longest)
{
    /// <param name="failures">Attempts that failed in a row, at least 1.</param>
    public TimeSpan After(int failures)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        var doublings = Math.Min(failures - 1, 30);
        return First.Ticks > Longest.Ticks >> doublings ? Longest : TimeSpan.FromTicks(First.Ticks << doublings);
    }
}
