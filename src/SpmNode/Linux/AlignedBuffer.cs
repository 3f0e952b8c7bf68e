using System.Buffers;
using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>Page-aligned memory outside the garbage collector's heap, as direct I/O wants it.</summary>
/// <remarks>
/// Counted: the renter holds one reference, every I/O that works on the memory another. Disposing gives back the renter's;
/// the memory returns to its pool when the last I/O has returned, so that a caller who gave up waiting for a stuck
/// device cannot have a later owner's bytes written, or a later owner's memory read into. There is no finalizer: a span does not
/// keep its owner alive, so memory that nobody disposed is better leaked than pulled away under an I/O.
/// </remarks>
public sealed unsafe class AlignedBuffer : MemoryManager<byte>
{
    public const int Alignment = 4096;

    readonly AlignedBufferPool? pool;
    readonly Lock guard = new();
    byte* start;
    int references;
    bool rented;

    internal AlignedBuffer(int capacity, AlignedBufferPool? pool)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        Capacity = capacity;
        this.pool = pool;
        start = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, Alignment);
        // Leftovers of this process' heap must never reach a disk.
        NativeMemory.Clear(start, (nuint)capacity);
    }

    public int Capacity { get; }

    public override Memory<byte> Memory => CreateMemory(0, Capacity);

    /// <summary>Of <paramref name="length"/> bytes: a pool hands out the next larger size.</summary>
    public Memory<byte> Slice(int offset, int length) => CreateMemory(offset, length);

    public override Span<byte> GetSpan() => new(start, Capacity);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)Capacity);
        Retain();
        return new MemoryHandle(start + elementIndex, pinnable: this);
    }

    public override void Unpin() => Release();

    /// <summary>Keeps the memory alive until <see cref="Release"/>.</summary>
    internal void Retain()
    {
        lock (guard)
        {
            ObjectDisposedException.ThrowIf(references == 0, this);
            references++;
        }
    }

    internal void Release()
    {
        lock (guard)
        {
            if (references == 0)
            {
                throw new InvalidOperationException("A buffer was given back more often than it was taken: two owners of the same memory.");
            }

            if (--references > 0)
            {
                return;
            }
        }

        if (pool is null || !pool.TakeBack(this))
        {
            Free();
        }
    }

    internal AlignedBuffer Rented()
    {
        lock (guard)
        {
            references = 1;
            rented = true;
        }

        return this;
    }

    protected override void Dispose(bool disposing)
    {
        lock (guard)
        {
            if (!rented)
            {
                return;
            }

            rented = false;
        }

        Release();
    }

    internal void Free()
    {
        if (start is not null)
        {
            NativeMemory.AlignedFree(start);
            start = null;
        }
    }
}
