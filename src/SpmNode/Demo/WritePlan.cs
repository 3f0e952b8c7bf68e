namespace OvirtSpm.Node.Demo;

/// <summary>What a guest writes and when. Sizes are bytes.</summary>
/// <param name="TotalBytes">From the disk's start on, without gaps; a multiple of <paramref name="RequestBytes"/>.</param>
/// <param name="PacedBytes">So many are spread evenly over <paramref name="PacedTime"/>; the rest is written as fast as it goes.</param>
/// <param name="Depth">Requests in flight.</param>
/// <param name="HeadBytes">So many are written before the guest is watched, as fast as it goes; the pace begins behind them.</param>
sealed record WritePlan(long TotalBytes, long PacedBytes, TimeSpan PacedTime, int RequestBytes, int Depth, long HeadBytes = 0)
{
    public const int OneGibibyte = 1 << 30;

    /// <summary>Three quarters of a gibibyte spread over the given time, the last quarter unpaced.</summary>
    public static WritePlan Demo(TimeSpan pacedTime) => new(OneGibibyte, OneGibibyte / 4 * 3, pacedTime, 256 << 10, 8);

    /// <summary>As fast as it goes from the first byte on.</summary>
    public static WritePlan Unpaced(long totalBytes) => new(totalBytes, 0, TimeSpan.Zero, 256 << 10, 8);

    /// <summary>How long after the beginning the request at this offset is due.</summary>
    public TimeSpan DueAt(long offset) =>
        offset < HeadBytes ? TimeSpan.Zero
        : offset >= PacedBytes ? PacedTime
        : PacedTime * ((double)(offset - HeadBytes) / (PacedBytes - HeadBytes));
}
