namespace OvirtSpm.Simulation;

/// <summary>One I/O between being issued and being answered.</summary>
internal sealed class SimIo(SimProcess process, bool isWrite, long offset, Memory<byte> buffer, byte[]? data)
{
    public SimProcess Process => process;

    public bool IsWrite => isWrite;

    public long Offset => offset;

    public Memory<byte> Buffer => buffer;

    public byte[] Data => data ?? [];

    public int Length => isWrite ? Data.Length : buffer.Length;

    public long IssuedTicks { get; set; }

    /// <summary>What a checker wants to know about it later.</summary>
    public object? About { get; set; }

    /// <summary>The storage takes this long for it, whatever it does with others; zero: as long as for any.</summary>
    public TimeSpan Held { get; set; }

    /// <summary>It comes back with an error whatever happened; drawn when it is issued.</summary>
    public bool Fails { get; set; }

    /// <summary>It is done: whoever issued it goes on.</summary>
    public static SendOrPostCallback Answered { get; } = io => ((SimIo)io!).Answer.TrySetResult();

    public TaskCompletionSource Answer { get; } = new();

    public bool Overlaps(long from, long length) => from < offset + Length && offset < from + length;
}
