namespace OvirtSpm.Volumes.Sizes;

/// <summary>Where a watermark and a chunk come from: what was measured, what follows from it, and which bounds there are.</summary>
/// <remarks>
/// <code>
/// awaited    = factor × rate × latency, at most the maximum chunk      watermark = max(minimum watermark, awaited)
/// lasting    = rate × span, at most the maximum chunk                  chunk     = max(minimum chunk, lasting, watermark), whole extents
/// </code>
/// </remarks>
/// <param name="BytesPerSecond">0: not measured yet.</param>
/// <param name="Latency">Slowest of the recent extends; zero: none yet.</param>
/// <param name="Factor">Of safety.</param>
/// <param name="AwaitedBytes">What the guest may write until an extend is in use, times the factor.</param>
/// <param name="WatermarkBytes">Free space at which is asked.</param>
/// <param name="Span">For how long a chunk should last.</param>
/// <param name="LastingBytes">What the guest writes in that time.</param>
/// <param name="ChunkBytes">What one extend adds.</param>
public readonly record struct GrowthArithmetic(
    double BytesPerSecond, TimeSpan Latency, int Factor, long AwaitedBytes, long MinimumWatermarkBytes, long WatermarkBytes,
    TimeSpan Span, long LastingBytes, long MinimumChunkBytes, long MaximumChunkBytes, long ChunkBytes)
{
    public bool IsMeasured => BytesPerSecond > 0;
}
