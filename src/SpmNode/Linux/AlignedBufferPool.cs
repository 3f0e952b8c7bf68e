using System.Buffers;
using System.Numerics;

namespace OvirtSpm.Node.Linux;

/// <summary>Reuses <see cref="AlignedBuffer"/>s in sizes of powers of two, and keeps at most a given number of bytes idle.</summary>
/// <remarks>Reused memory holds old bytes: fill what you write to a disk.</remarks>
public sealed class AlignedBufferPool(long idleBytesMax = 64L << 20) : MemoryPool<byte>
{
    const int SmallestShift = 12;
    const int LargestShift = 26;

    readonly Lock guard = new();
    readonly Stack<AlignedBuffer>[] idle = [.. Enumerable.Range(SmallestShift, LargestShift - SmallestShift + 1).Select(_ => new Stack<AlignedBuffer>())];
    long idleBytes;

    public static new AlignedBufferPool Shared { get; } = new();

    /// <summary>64 MiB: no single I/O of ours is larger.</summary>
    public override int MaxBufferSize => 1 << LargestShift;

    public long IdleBytes
    {
        get
        {
            lock (guard)
            {
                return idleBytes;
            }
        }
    }

    /// <param name="minBufferSize">In bytes; −1 for one page.</param>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => RentAligned(minBufferSize < 0 ? AlignedBuffer.Alignment : minBufferSize);

    /// <returns>At least <paramref name="lengthBytes"/>; dispose it once.</returns>
    public AlignedBuffer RentAligned(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, MaxBufferSize);
        var shift = ShiftOf(lengthBytes);
        lock (guard)
        {
            if (idle[shift - SmallestShift].TryPop(out var buffer))
            {
                idleBytes -= buffer.Capacity;
                return buffer.Rented();
            }
        }

        return new AlignedBuffer(1 << shift, this).Rented();
    }

    /// <returns>False if enough is idle already.</returns>
    internal bool TakeBack(AlignedBuffer buffer)
    {
        lock (guard)
        {
            if (idleBytes + buffer.Capacity > idleBytesMax)
            {
                return false;
            }

            idleBytes += buffer.Capacity;
            idle[ShiftOf(buffer.Capacity) - SmallestShift].Push(buffer);
            return true;
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (guard)
        {
            foreach (var buffer in idle.SelectMany(stack => stack))
            {
                buffer.Free();
            }

            foreach (var stack in idle)
            {
                stack.Clear();
            }

            idleBytes = 0;
        }
    }

    static int ShiftOf(int lengthBytes) =>
        BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)Math.Max(lengthBytes, 1 << SmallestShift)));
}
