using OvirtSpm.LvmMetadata;

namespace LvmMetadata.Tests.Support;

/// <summary>A sparse device in memory that keeps a journal of every I/O and can fail at a chosen one.</summary>
public sealed class MemoryPv(long sizeBytes, int sectorSize = 512, string name = "pv0") : IPvArea
{
    private const int Page = 4096;
    private Dictionary<long, byte[]> pages = [];

    public int SectorSize => sectorSize;

    public long SizeBytes => sizeBytes;

    public string Name => name;

    public List<PvIo> Journal { get; } = [];

    /// <summary>Called before each I/O; may throw, or change the device as somebody else would.</summary>
    public Action<PvIo>? Before { get; set; }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Check(offsetBytes, buffer.Length);
        Note(new PvIo(PvIoKind.Read, offsetBytes, buffer.Length, []));
        Peek(offsetBytes, buffer.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        Check(offsetBytes, data.Length);
        Note(new PvIo(PvIoKind.Write, offsetBytes, data.Length, data.ToArray()));
        Poke(offsetBytes, data.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync()
    {
        Note(new PvIo(PvIoKind.Flush, 0, 0, []));
        return ValueTask.CompletedTask;
    }

    /// <summary>Changes the device behind everybody's back.</summary>
    public void Poke(long offset, ReadOnlySpan<byte> data)
    {
        for (var done = 0; done < data.Length;)
        {
            var at = offset + done;
            var count = Math.Min(data.Length - done, (int)(Page - (at % Page)));
            if (!pages.TryGetValue(at / Page, out var page))
            {
                pages.Add(at / Page, page = new byte[Page]);
            }
            data.Slice(done, count).CopyTo(page.AsSpan((int)(at % Page)));
            done += count;
        }
    }

    public void Peek(long offset, Span<byte> buffer)
    {
        for (var done = 0; done < buffer.Length;)
        {
            var at = offset + done;
            var count = Math.Min(buffer.Length - done, (int)(Page - (at % Page)));
            var target = buffer.Slice(done, count);
            if (pages.TryGetValue(at / Page, out var page))
            {
                page.AsSpan((int)(at % Page), count).CopyTo(target);
            }
            else
            {
                target.Clear();
            }
            done += count;
        }
    }

    /// <summary>Same bytes, empty journal, no faults.</summary>
    public MemoryPv Clone() => new(sizeBytes, sectorSize, name) { pages = pages.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray()) };

    private void Note(PvIo io)
    {
        Before?.Invoke(io);
        Journal.Add(io);
    }

    private void Check(long offset, int length)
    {
        Assert.Equal(0, offset % sectorSize);
        Assert.Equal(0, length % sectorSize);
        Assert.InRange(offset, 0, sizeBytes - length);
    }
}
