using System.Runtime.InteropServices;
using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Linux;

/// <summary>A queue to the device with threads of its own.</summary>
/// <remarks>
/// A thread that waits in the kernel for a path that is gone cannot be interrupted. It is one of this lane's few: the other
/// lanes, the thread pool and every timer go on. The queue is as long as its callers make it; they bound it.
/// Memory from <see cref="AlignedBufferPool"/> is used as it is (do not change it before the call returned, or before disposing
/// it); other memory is copied first, so the caller may do with it what it likes once it stops waiting.
/// </remarks>
public sealed class DeviceLane : IDataDevice, IDisposable
{
    readonly DirectBlockDevice device;
    readonly DeviceHandle handle;
    readonly string name;
    readonly Lock guard = new();
    readonly Queue<DeviceRequest> queue = [];
    readonly SemaphoreSlim pending = new(0);
    readonly List<TaskCompletionSource> drains = [];
    readonly int threads;
    readonly bool inline;
    int outstandingWrites;
    int running;
    bool closed;

    internal DeviceLane(DirectBlockDevice device, DeviceHandle handle, string name, int threads, bool inline)
    {
        this.device = device;
        this.handle = handle;
        this.name = name;
        this.threads = threads;
        this.inline = inline;
        running = threads;
        // R7: the description, and the lock on it, stay until this lane has done its last I/O, whoever closes the device meanwhile.
        var held = false;
        handle.DangerousAddRef(ref held);
        for (var i = 0; i < threads; i++)
        {
            new Thread(Work) { IsBackground = true, Name = $"{name} {i}" }.Start();
        }
    }

    public string Name => device.Path;

    public string? Number => device.Geometry.Number;

    public int SectorSize => device.SectorSize;

    public long SizeBytes => device.SizeBytes;

    public bool ZeroIsFast => device.Geometry.ZeroIsFast;

    public long DiscardStepBytes => device.Geometry.DiscardStepBytes;

    /// <summary>Writes accepted by this lane that have not returned from the kernel.</summary>
    public int OutstandingWrites => Volatile.Read(ref outstandingWrites);

    /// <summary>Closed, and everything it was given has returned.</summary>
    internal bool IsOver => Volatile.Read(ref running) == 0;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => ReadAsync(offsetBytes, buffer, CancellationToken.None);

    /// <param name="giveUp">Ends the waiting, not the I/O; <paramref name="buffer"/> is not touched afterwards unless it is an <see cref="AlignedBuffer"/>.</param>
    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken giveUp)
    {
        Check("A read", offsetBytes, buffer.Length);
        if (TryGetAligned(buffer, out var own, out var start))
        {
            own.Retain();
            await Queue(new(DeviceVerb.Read, offsetBytes, buffer.Length, own, start, inline)).WaitAsync(giveUp);
            return;
        }

        using var bounce = AlignedBufferPool.Shared.RentAligned(buffer.Length);
        bounce.Retain();
        await Queue(new(DeviceVerb.Read, offsetBytes, buffer.Length, bounce, 0, inline)).WaitAsync(giveUp);
        // Here and not on the lane's thread: whoever stopped waiting may use its memory for something else by now.
        bounce.GetSpan()[..buffer.Length].CopyTo(buffer.Span);
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data) => WriteAsync(DeviceVerb.Write, offsetBytes, data);

    public ValueTask WriteDurableAsync(long offsetBytes, ReadOnlyMemory<byte> data) => WriteAsync(DeviceVerb.WriteDurable, offsetBytes, data);

    public ValueTask FlushAsync() => new(Queue(new(DeviceVerb.Flush, 0, 0, null, 0, inline)));

    public ValueTask ZeroAsync(long offsetBytes, long lengthBytes, bool mayPunch)
    {
        Check("Zeroing", offsetBytes, lengthBytes);
        RefuseReadOnly();
        return new(Queue(new(mayPunch ? DeviceVerb.ZeroPunch : DeviceVerb.Zero, offsetBytes, lengthBytes, null, 0, inline)));
    }

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes)
    {
        Check("A discard", offsetBytes, lengthBytes);
        RefuseReadOnly();
        return new(Queue(new(DeviceVerb.Discard, offsetBytes, lengthBytes, null, 0, inline)));
    }

    /// <summary>Completes at the first moment when nothing this lane was given writes any more.</summary>
    public Task WhenWritesReturnedAsync()
    {
        lock (guard)
        {
            if (outstandingWrites == 0)
            {
                return Task.CompletedTask;
            }

            var drain = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            drains.Add(drain);
            return drain.Task;
        }
    }

    /// <summary>Accepts nothing more; what was accepted is done, then the threads end.</summary>
    public void Dispose()
    {
        lock (guard)
        {
            if (closed)
            {
                return;
            }

            closed = true;
        }

        pending.Release(threads);
    }

    ValueTask WriteAsync(DeviceVerb verb, long offsetBytes, ReadOnlyMemory<byte> data)
    {
        Check("A write", offsetBytes, data.Length);
        RefuseReadOnly();
        if (TryGetAligned(data, out var own, out var start))
        {
            own.Retain();
            return new(Queue(new(verb, offsetBytes, data.Length, own, start, inline)));
        }

        // The copy is the request's own: a caller that timed out may reuse its memory while the kernel still writes.
        var bounce = AlignedBufferPool.Shared.RentAligned(data.Length);
        data.Span.CopyTo(bounce.GetSpan());
        return new(Queue(new(verb, offsetBytes, data.Length, bounce, 0, inline)));
    }

    /// <exception cref="ArgumentOutOfRangeException">The range is not whole sectors, or not inside the device.</exception>
    internal void Check(string what, long offsetBytes, long lengthBytes) => device.Geometry.Check(Name, what, offsetBytes, lengthBytes);

    void RefuseReadOnly()
    {
        if (device.ReadOnly)
        {
            throw new InvalidOperationException($"{Name} was opened for reading only.");
        }
    }

    static bool TryGetAligned(ReadOnlyMemory<byte> memory, out AlignedBuffer buffer, out int start) =>
        MemoryMarshal.TryGetMemoryManager(memory, out buffer!, out start, out _) && start % AlignedBuffer.Alignment == 0;

    Task Queue(DeviceRequest request)
    {
        lock (guard)
        {
            if (closed)
            {
                request.Buffer?.Release();
                throw new ObjectDisposedException(nameof(DeviceLane), $"The lane '{name}' of {Name} is closed.");
            }

            queue.Enqueue(request);
            outstandingWrites += request.Changes ? 1 : 0;
        }

        pending.Release();
        return request.Done;
    }

    void Work()
    {
        while (true)
        {
            pending.Wait();
            DeviceRequest? request;
            lock (guard)
            {
                if (!queue.TryDequeue(out request))
                {
                    // Closed and empty: one release per thread was added on closing.
                    break;
                }
            }

            var failure = DeviceCalls.Perform(handle.Descriptor, Name, device.IsBlockDevice, request);
            Finish(request, failure);
        }

        if (Interlocked.Decrement(ref running) == 0)
        {
            handle.DangerousRelease();
        }
    }

    void Finish(DeviceRequest request, Exception? failure)
    {
        request.Buffer?.Release();
        TaskCompletionSource[] drained = [];
        if (request.Changes)
        {
            lock (guard)
            {
                if (--outstandingWrites == 0)
                {
                    drained = [.. drains];
                    drains.Clear();
                }
            }
        }

        // Counted before it is told, so that whoever was told sees it gone.
        request.Complete(failure);
        foreach (var drain in drained)
        {
            drain.SetResult();
        }
    }
}
