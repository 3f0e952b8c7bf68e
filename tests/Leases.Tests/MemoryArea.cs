namespace OvirtSpm.Leases.Tests;

/// <summary>Storage that answers at once; counts what it is asked.</summary>
internal sealed class MemoryArea(byte[] bytes, int sectorSize = 512) : ILeaseArea
{
    public byte[] Bytes => bytes;

    public int SectorSize => sectorSize;

    public long SizeBytes => bytes.Length;

    public List<(bool Write, long Offset, int Length)> Log { get; } = [];

    /// <summary>Asked before each I/O; an answer is thrown.</summary>
    public Func<bool, long, IOException?>? Fault { get; set; }

    /// <summary>A write that is reported failed is on the disk all the same.</summary>
    public bool FailedWritesLand { get; set; }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Check(false, offsetBytes, buffer.Length);
        bytes.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        try
        {
            Check(true, offsetBytes, data.Length);
        }
        catch (IOException) when (FailedWritesLand)
        {
            data.Span.CopyTo(bytes.AsSpan((int)offsetBytes));
            throw;
        }

        data.Span.CopyTo(bytes.AsSpan((int)offsetBytes));
        return ValueTask.CompletedTask;
    }

    private void Check(bool write, long offset, int length)
    {
        Assert.True(offset % sectorSize == 0 && length % sectorSize == 0 && length > 0 && offset + length <= bytes.Length, $"{offset}+{length}");
        Log.Add((write, offset, length));
        if (Fault?.Invoke(write, offset) is { } failure)
        {
            throw failure;
        }
    }
}
