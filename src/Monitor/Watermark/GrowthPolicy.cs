namespace OvirtSpm.Monitor.Watermark;

/// <summary>What a growth policy may look at.</summary>
/// <param name="HighestWrittenBytes">End of the highest write seen; a policy whose target does not cover it is simply asked again.</param>
/// <param name="BytesPerSecond">Measured growth of the highest write, 0 when unknown.</param>
/// <param name="ExtendLatency">Slowest of the recent extends, zero when unknown.</param>
public readonly record struct GrowthInput(
    long AllocatedBytes, long MaximumBytes, long HighestWrittenBytes, double BytesPerSecond, TimeSpan ExtendLatency);

/// <summary>What a policy says about a volume of the given allocation.</summary>
/// <param name="TargetBytes">Absolute size to ask for once the threshold is passed; the allocation itself when it cannot grow.</param>
/// <param name="ThresholdBytes">A write that ends behind this offset means "ask"; null when the volume is at its maximum:
/// the event would fire for ever and help nobody.</param>
public readonly record struct GrowthDecision(long TargetBytes, long? ThresholdBytes);

/// <summary>How far and how early a volume grows. Pure: same input, same decision.</summary>
public delegate GrowthDecision GrowthPolicy(GrowthInput input);
