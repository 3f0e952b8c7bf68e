using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>One disk of one guest, for status pages and metrics. Sizes in bytes.</summary>
/// <param name="NodeName">The block node at the protocol layer, whose offsets are offsets in the volume.</param>
/// <param name="PausedForSpace">QEMU stopped the guest because a write to this disk met the end of it.</param>
/// <param name="Failed">QEMU stopped the guest because I/O on this disk failed, for another reason than space.</param>
/// <param name="ThresholdBytes">Null when none is set.</param>
/// <param name="LastLatency">Threshold event to larger size usable; null before the first extend.</param>
/// <param name="ExtendLatency">The slowest of the recent ones, as the growth policy sees it; zero before the first.</param>
/// <param name="Detail">Why the phase is what it is, for people; empty when there is nothing to say.</param>
public sealed record DiskState(
    VolumeKey Volume, string NodeName, DiskPhase Phase, bool PausedForSpace, bool Failed,
    long AllocatedBytes, long MaximumBytes, long HighestWrittenBytes, long? ThresholdBytes,
    long Extends, TimeSpan? LastLatency, double BytesPerSecond, TimeSpan ExtendLatency, string Detail);
