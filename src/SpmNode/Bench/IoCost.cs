namespace OvirtSpm.Node.Bench;

/// <summary>What one operation asks of the storage: requests and bytes, averaged over its repetitions.</summary>
public sealed record IoCost(double Reads, double Writes, double BytesRead, double BytesWritten)
{
    public double Ios => Reads + Writes;

    /// <param name="times">How often the operation was done.</param>
    internal static IoCost Of(IReadOnlyCollection<LeaseIoRecord> ios, int times) => new(
        Mean(ios.Count(io => !io.IsWrite), times), Mean(ios.Count(io => io.IsWrite), times),
        Mean(ios.Where(io => !io.IsWrite).Sum(io => io.LengthBytes), times), Mean(ios.Where(io => io.IsWrite).Sum(io => io.LengthBytes), times));

    static double Mean(long sum, int times) => Math.Round((double)sum / times, 2);
}
