using System.Buffers;

namespace OvirtSpm.Simulation;

/// <summary>One I/O between being issued and being answered.</summary>
internal sealed class SimIo(SimProcess process, bool isWrite, long offset, Memory<byte> buffer, ReadOnlyMemory<byte> data)
{
    /// <summary>Whole lease areas are lent: a mebibyte for every volume that is created.</summary>
    private const int LentBytes = 64 << 10;
    private byte[]? lent;

    public SimProcess Process => process;

    public bool IsWrite => isWrite;

    public long Offset => offset;

    public Memory<byte> Buffer => buffer;

    /// <summary>The bytes as they were when it was issued: whoever changes them while the write is out is told so by a difference.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; } = data;

    public int Length { get; } = isWrite ? data.Length : buffer.Length;

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

    public static SimIo Write(SimProcess process, long offset, ReadOnlyMemory<byte> data)
    {
        var lent = data.Length < LentBytes ? null : ArrayPool<byte>.Shared.Rent(data.Length);
        var copy = lent ?? new byte[data.Length];
        data.CopyTo(copy);
        return new SimIo(process, true, offset, default, copy.AsMemory(0, data.Length)) { lent = lent };
    }

    /// <summary>It has landed, and never will again.</summary>
    public void Forget()
    {
        if (lent is not null)
        {
            ArrayPool<byte>.Shared.Return(lent);
            (lent, Data) = (null, default);
        }
    }

    public bool Overlaps(long from, long length) => from < offset + Length && offset < from + length;
}
