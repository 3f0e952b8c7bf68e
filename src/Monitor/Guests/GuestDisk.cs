using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>What the loop keeps beside the pure state of one disk: clocks, counts, the snapshot for others.</summary>
internal sealed class GuestDisk(VolumeKey volume, string nodeName, GrowthPolicy policy, long implausibleBytes, TimeProvider clock)
{
    private readonly WriteRate rate = new(clock);
    private TimeSpan latency;

    public DiskWatch Watch { get; private set; } = new(volume, policy, implausibleBytes);

    public VolumeKey Volume => volume;

    public string NodeName { get; set; } = nodeName;

    /// <summary>Known to be in the guest in this session, though its sizes may still be on their way.</summary>
    public bool Present { get; set; } = true;

    /// <summary>Its sizes were read in this session.</summary>
    public bool Attached { get; set; }

    /// <summary>Its sizes are being asked for.</summary>
    public bool Attaching { get; set; }

    /// <summary>Which asking for sizes counts: an answer from before a reconnect does not.</summary>
    public int Attachment { get; set; }

    /// <summary>Why it is present and yet not attached; empty otherwise.</summary>
    public string Trouble { get; set; } = "";

    /// <summary>The guest was found paused by this disk before its sizes were known.</summary>
    public bool FoundPaused { get; set; }

    /// <summary>The guest stands because I/O on this disk failed.</summary>
    public bool Failed { get; set; }

    /// <summary>Threshold set or fired since the look under way began: what that look says about it is old.</summary>
    public bool ThresholdTouched { get; set; }

    public long Extends { get; private set; }

    public TimeSpan? LastLatency { get; private set; }

    /// <summary>When the event came that made space necessary; null while there is enough. Refusals and retries do not move it.</summary>
    public long? NeededSince { get; set; }

    public DiskState Snapshot => new(volume, NodeName, Watch.Phase, Watch.Paused, Failed, Watch.AllocatedBytes, Watch.MaximumBytes,
        Watch.HighestBytes, Watch.ThresholdBytes, Extends, LastLatency, rate.BytesPerSecond, latency,
        Trouble.Length > 0 ? Trouble : Watch.Detail);

    public IReadOnlyList<DiskEffect> Step(DiskInput input, long timestamp)
    {
        switch (input)
        {
            case DiskInput.ThresholdPassed passed:
                rate.Observe(Math.Max(Watch.HighestBytes, passed.EndBytes), timestamp);
                break;
            case DiskInput.Polled polled:
                rate.Observe(Math.Max(Watch.HighestBytes, polled.HighestBytes), timestamp);
                break;
        }
        var step = (Watch with { BytesPerSecond = rate.BytesPerSecond, ExtendLatency = latency }).Step(input);
        Watch = step.Next;
        ThresholdTouched |= input is DiskInput.ThresholdPassed or DiskInput.ThresholdSet
            || step.Effects.Any(effect => effect is DiskEffect.SetThreshold);
        return step.Effects;
    }

    public void CountExtend(TimeSpan took)
    {
        Extends++;
        LastLatency = took;
        latency = took > latency ? took : latency + (took - latency) / 8;
    }
}
