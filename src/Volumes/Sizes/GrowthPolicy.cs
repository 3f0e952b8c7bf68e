using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Sizes;

/// <summary>How large a thin volume begins, by how much it grows and how early it asks. Pure arithmetic, no clock.</summary>
/// <remarks>
/// <b>Watermark</b>: the free space left when the extend is asked for. Until the answer is in use the guest writes
/// rate × latency more, so <c>watermark = max(minimum, factor × rate × latency)</c>.
/// <b>Chunk</b>: what one extend adds. It should keep the guest going for a while, so that commits stay few, and it must add more
/// than a watermark, or the new threshold lies behind the guest again:
/// <c>chunk = max(minimum, rate × span, watermark)</c>, rounded up to extents, at most the maximum chunk.
/// <b>Target</b>: <c>max(size + chunk, written + watermark + 1 extent)</c>, rounded up, at most oVirt's maximum for the capacity.
/// <b>Threshold</b>: target − watermark.
/// <para>
/// Worked example, our policy, a guest at 400 MiB/s, an extend that takes 10 ms at worst, an LV of 1 GiB:
/// rate × latency = 4 MiB, × 4 = 16 MiB, below the minimum, so the watermark is 64 MiB (160 ms of writing, 16 times the latency).
/// rate × span = 400 MiB/s × 1 s = 400 MiB = 3.125 extents, so the chunk is 4 extents, 512 MiB. Target 1.5 GiB, threshold 1.4375 GiB.
/// The guest asks about once a second. Idle it would have got one extent, 128 MiB.
/// The highest rate without reaching the end is watermark ÷ latency = 6400 MiB/s, before any rate was ever measured;
/// oVirt's own: 2048 MiB ÷ 1.15 s = 1780 MiB/s, with 20 times the space.
/// </para>
/// </remarks>
/// <param name="Name">For people and logs.</param>
/// <param name="InitialBytes">Size of a new thin volume's LV.</param>
/// <param name="MinimumChunkBytes">The least one extend adds.</param>
/// <param name="MaximumChunkBytes">The most one extend adds (more only when the guest is already further), and the highest watermark.</param>
/// <param name="ChunkSpan">For how long a chunk should last at the measured rate; zero: the chunk does not depend on it.</param>
/// <param name="MinimumWatermarkBytes">The least free space at which is asked.</param>
/// <param name="LatencyFactor">How many times rate × latency the watermark is; 0: it does not depend on them.</param>
/// <param name="ExtentBytes">The group's extent size.</param>
public sealed record GrowthPolicy(
    string Name,
    long InitialBytes,
    long MinimumChunkBytes,
    long MaximumChunkBytes,
    TimeSpan ChunkSpan,
    long MinimumWatermarkBytes,
    int LatencyFactor,
    long ExtentBytes = DomainLimits.ExtentBytes)
{
    public const long OvirtChunkBytes = 2560L << 20;

    /// <summary>Small steps: our extend takes milliseconds, so space is handed out when it is needed.</summary>
    public static readonly GrowthPolicy Default = new(
        "adaptive",
        InitialBytes: DomainLimits.ExtentBytes,
        MinimumChunkBytes: DomainLimits.ExtentBytes,
        MaximumChunkBytes: OvirtChunkBytes,
        ChunkSpan: TimeSpan.FromSeconds(1),
        MinimumWatermarkBytes: DomainLimits.ExtentBytes / 2,
        LatencyFactor: 4);

    /// <summary>oVirt's numbers: chunk 2560 MiB, 20 % utilisation, hence a watermark of 2048 MiB.</summary>
    public static readonly GrowthPolicy Ovirt = new(
        "ovirt",
        InitialBytes: OvirtChunkBytes,
        MinimumChunkBytes: OvirtChunkBytes,
        MaximumChunkBytes: OvirtChunkBytes,
        ChunkSpan: TimeSpan.Zero,
        MinimumWatermarkBytes: 2048L << 20,
        LatencyFactor: 0);

    /// <summary>Rates and latencies beyond these are faults of the measurement, not of the guest.</summary>
    private const double HighestRate = 1L << 40;
    private static readonly TimeSpan LongestLatency = TimeSpan.FromMinutes(1);

    /// <summary>The LV of a new thin volume: no larger than the disk itself needs.</summary>
    public long Initial(long capacityBytes) =>
        Math.Max(ExtentBytes, CowSizes.RoundUp(Math.Min(InitialBytes, capacityBytes), ExtentBytes));

    /// <param name="sizeBytes">What the LV has now.</param>
    /// <param name="maximumBytes">What it may have at most: <see cref="CowSizes.MaximumBytes"/>.</param>
    /// <param name="bytesPerSecond">Measured write rate; 0 when unknown. What is no rate (negative, not a number) counts as 0.</param>
    /// <param name="latency">Measured time from event to usable space, a high percentile; zero when unknown.</param>
    /// <param name="writtenBytes">How far the guest has written or wants to write; 0 when unknown.</param>
    /// <returns>The next size, also when the volume has room: the caller decides when to ask.</returns>
    public GrowthStep Next(long sizeBytes, long maximumBytes, double bytesPerSecond, TimeSpan latency, long writtenBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        var weighed = Weigh(bytesPerSecond, latency);

        // Saturating: a corrupt image may report having written at any offset, and its size must not wrap round to a small one.
        var wanted = Math.Max(Add(sizeBytes, weighed.ChunkBytes), writtenBytes > 0 ? Add(Add(writtenBytes, weighed.WatermarkBytes), ExtentBytes) : 0);
        var limit = Math.Max(sizeBytes, Math.Min(maximumBytes, CowSizes.LargestCapacityBytes));
        var target = wanted >= limit ? limit : Math.Min(CowSizes.RoundUp(wanted, ExtentBytes), limit);
        return new GrowthStep(target, Threshold(target, maximumBytes, weighed.WatermarkBytes));
    }

    /// <summary>Where the threshold goes for a volume that stays as large as it is; null at the maximum.</summary>
    public long? ThresholdBytes(long sizeBytes, long maximumBytes, double bytesPerSecond, TimeSpan latency) =>
        Threshold(sizeBytes, maximumBytes, WatermarkBytes(bytesPerSecond, latency));

    /// <summary>The free space at which is asked.</summary>
    public long WatermarkBytes(double bytesPerSecond, TimeSpan latency) => Weigh(bytesPerSecond, latency).WatermarkBytes;

    /// <summary>Watermark and chunk for what was measured, with every figure that they come from.</summary>
    public GrowthArithmetic Weigh(double bytesPerSecond, TimeSpan latency)
    {
        var rate = Rate(bytesPerSecond);
        var seconds = Math.Clamp(latency.TotalSeconds, 0, LongestLatency.TotalSeconds);
        var awaited = (long)Math.Ceiling(Math.Min(LatencyFactor * rate * seconds, MaximumChunkBytes));
        var lasting = (long)Math.Min(rate * ChunkSpan.TotalSeconds, MaximumChunkBytes);
        var watermark = Math.Max(MinimumWatermarkBytes, awaited);
        return new GrowthArithmetic(
            rate, TimeSpan.FromSeconds(seconds), LatencyFactor, awaited, MinimumWatermarkBytes, watermark, ChunkSpan, lasting, MinimumChunkBytes, MaximumChunkBytes,
            CowSizes.RoundUp(Math.Max(Math.Max(MinimumChunkBytes, lasting), watermark), ExtentBytes));
    }

    /// <summary>At least 1: a threshold of 0 means "none" to QEMU.</summary>
    private static long? Threshold(long size, long maximum, long watermark) => size >= maximum ? null : Math.Max(1, size - watermark);

    private static double Rate(double bytesPerSecond) => double.IsNaN(bytesPerSecond) ? 0 : Math.Clamp(bytesPerSecond, 0, HighestRate);

    private static long Add(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;
}
