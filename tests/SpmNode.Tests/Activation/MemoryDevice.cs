using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Tests.Activation;

/// <summary>A device in memory whose writes can be made to hang or fail, and which notes their order.</summary>
internal sealed class MemoryDevice(int sizeBytes, int sectorSize = 512) : IDataDevice
{
    readonly Lock guard = new();
    TaskCompletionSource? gate;

    public byte[] Bytes { get; } = new byte[sizeBytes];

    public List<string> Calls { get; } = [];

    public bool FailWrites { get; set; }

    public string Name => "memory";

    public int SectorSize => sectorSize;

    public long SizeBytes => Bytes.Length;

    public bool ZeroIsFast { get; init; } = true;

    public int Hanging { get; private set; }

    /// <summary>Writes from now on wait until <see cref="Unhang"/>.</summary>
    public void Hang() => gate = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Unhang()
    {
        var open = gate;
        gate = null;
        open?.SetResult();
    }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Check(offsetBytes, buffer.Length);
        lock (guard)
        {
            Bytes.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span);
        }

        return default;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data) => ChangeAsync("write", offsetBytes, data.ToArray());

    public ValueTask WriteDurableAsync(long offsetBytes, ReadOnlyMemory<byte> data) => ChangeAsync("durable", offsetBytes, data.ToArray());

    public ValueTask FlushAsync()
    {
        lock (guard)
        {
            Calls.Add("flush");
        }

        return default;
    }

    public ValueTask ZeroAsync(long offsetBytes, long lengthBytes, bool mayPunch) => ChangeAsync(mayPunch ? "punch" : "zero", offsetBytes, new byte[lengthBytes]);

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes) => ChangeAsync("discard", offsetBytes, new byte[lengthBytes]);

    async ValueTask ChangeAsync(string call, long offsetBytes, byte[] data)
    {
        Check(offsetBytes, data.Length);
        if (FailWrites)
        {
            throw new IOException($"Write of {data.Length} bytes at {offsetBytes} of memory failed: Input/output error (errno 5).");
        }

        if (gate is { } closed)
        {
            lock (guard)
            {
                Hanging++;
            }

            await closed.Task;
        }

        lock (guard)
        {
            Calls.Add($"{call} {offsetBytes} {data.Length}");
            data.CopyTo(Bytes, offsetBytes);
        }
    }

    void Check(long offsetBytes, int length)
    {
        if (offsetBytes < 0 || length <= 0 || offsetBytes % SectorSize != 0 || length % SectorSize != 0 || offsetBytes > SizeBytes - length)
        {
            throw new ArgumentOutOfRangeException(nameof(offsetBytes));
        }
    }
}
