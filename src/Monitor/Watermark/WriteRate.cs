namespace OvirtSpm.Monitor.Watermark;

/// <summary>How fast the end of the highest write moves. Up at once, down slowly: asking early costs little, late a pause.</summary>
public sealed class WriteRate(TimeProvider clock)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(5);

    private long lastBytes = -1, lastTimestamp;

    /// <summary>0 until two positions are known.</summary>
    public double BytesPerSecond { get; private set; }

    /// <param name="timestamp">When it was there, of the same clock.</param>
    public void Observe(long highestBytes, long timestamp)
    {
        if (lastBytes < 0)
        {
            (lastBytes, lastTimestamp) = (highestBytes, timestamp);
            return;
        }
        var elapsed = clock.GetElapsedTime(lastTimestamp, timestamp);
        if (elapsed < Shortest || highestBytes < lastBytes)
            return;
        var rate = (highestBytes - lastBytes) / elapsed.TotalSeconds;
        BytesPerSecond = rate > BytesPerSecond ? rate : BytesPerSecond + (rate - BytesPerSecond) / 4;
        (lastBytes, lastTimestamp) = (highestBytes, timestamp);
    }
}
