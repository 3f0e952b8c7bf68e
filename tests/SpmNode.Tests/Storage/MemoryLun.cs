using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>A sparse LUN in memory. It can stop all I/O after a chosen write, as a crash does, and be opened again.</summary>
sealed class MemoryLun : ILun
{
    const int Page = 4096;

    readonly Disk disk;
    readonly object opening = new();
    readonly int sector;
    volatile bool dead;
    int writes;

    public MemoryLun(long sizeBytes = 10L << 30, int sector = 512) : this(new Disk(sizeBytes), sector)
    {
    }

    MemoryLun(Disk disk, int sector)
    {
        (this.disk, this.sector) = (disk, sector);
        var area = new Area(this, 0, disk.SizeBytes, "metadata");
        (Metadata, Data) = (area, new Area(this, 0, disk.SizeBytes, "data"));
    }

    public string Path { get; init; } = "memory";

    public int SectorSize => sector;

    public long SizeBytes => disk.SizeBytes;

    public IPvArea Metadata { get; }

    public IDataDevice Data { get; }

    /// <summary>Writes, zeroing included, since this opening.</summary>
    public int Writes => Volatile.Read(ref writes);

    /// <summary>After so many writes nothing works any more; null: never.</summary>
    public int? DiesAfter { get; set; }

    public long DiscardStep { get; set; } = 32 << 20;

    /// <summary>Called with the lane and the offset before a write takes effect; its task is waited for.</summary>
    public Func<string, long, Task>? BeforeWrite { get; set; }

    /// <summary>Called with the offset before a read; what it throws is what the read fails with.</summary>
    public Action<long>? BeforeRead { get; set; }

    public ILeaseArea Window(long offsetBytes, long lengthBytes) => new Area(this, offsetBytes, lengthBytes, "window");

    public bool TryLock(long offsetBytes, long lengthBytes)
    {
        lock (disk.Locks)
        {
            return ReferenceEquals(disk.Locks.TryGetValue(offsetBytes, out var owner) ? owner : disk.Locks[offsetBytes] = opening, opening);
        }
    }

    public void Unlock(long offsetBytes, long lengthBytes)
    {
        lock (disk.Locks)
        {
            if (disk.Locks.TryGetValue(offsetBytes, out var owner) && ReferenceEquals(owner, opening))
            {
                disk.Locks.Remove(offsetBytes);
            }
        }
    }

    /// <summary>Reads return when this has: a device that does not answer.</summary>
    public Task Reads { get; set; } = Task.CompletedTask;

    /// <summary>Stands for control writes that are still in the kernel.</summary>
    public Task ControlWrites { get; set; } = Task.CompletedTask;

    public Task WhenControlWritesReturnedAsync() => ControlWrites;

    /// <summary>Stands for guests that write without a pause.</summary>
    public Task DataWrites { get; set; } = Task.CompletedTask;

    public Task WhenAllWritesReturnedAsync() => Task.WhenAll(ControlWrites, DataWrites);

    /// <summary>Another host opens the same LUN.</summary>
    public MemoryLun OpenAgain(int? otherSector = null, string? path = null) => new(disk, otherSector ?? sector) { Path = path ?? Path };

    /// <summary>What is on the disk now, on a disk of its own.</summary>
    public MemoryLun Copy() => new(disk.Copy(), sector) { Path = Path };

    /// <summary>The same on a disk that was made larger, or cut.</summary>
    public MemoryLun Resized(long sizeBytes) => new(disk.Copy(sizeBytes), sector) { Path = Path };

    public byte[] Peek(long offset, int length)
    {
        var bytes = new byte[length];
        disk.Read(offset, bytes);
        return bytes;
    }

    public void Poke(long offset, ReadOnlySpan<byte> bytes) => disk.Write(offset, bytes);

    public void Dispose()
    {
    }

    async ValueTask ChangeAsync(string lane, long offset, long length, Action change)
    {
        if (BeforeWrite is { } hook)
        {
            await hook(lane, offset);
        }
        if (dead || (DiesAfter is { } last && Interlocked.Increment(ref writes) > last))
        {
            dead = true;
            throw new IOException($"writing {length} bytes at {offset} of memory failed: the host is gone");
        }
        if (DiesAfter is null)
        {
            Interlocked.Increment(ref writes);
        }
        change();
    }

    void RefuseDead()
    {
        if (dead)
        {
            throw new IOException("reading memory failed: the host is gone");
        }
    }

    sealed class Area(MemoryLun lun, long start, long length, string lane) : IPvArea, ILeaseArea, IDataDevice
    {
        public int SectorSize => lun.sector;

        public long SizeBytes => length;

        public string Name => "memory";

        public string Number => "8:0";

        public bool ZeroIsFast => true;

        public ValueTask ReadAsync(long offset, Memory<byte> buffer)
        {
            Check(offset, buffer.Length);
            lun.RefuseDead();
            lun.BeforeRead?.Invoke(start + offset);
            lun.disk.Read(start + offset, buffer.Span);
            return new ValueTask(lun.Reads);
        }

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data)
        {
            Check(offset, data.Length);
            return lun.ChangeAsync(lane, start + offset, data.Length, () => lun.disk.Write(start + offset, data.Span));
        }

        public ValueTask WriteDurableAsync(long offset, ReadOnlyMemory<byte> data) => WriteAsync(offset, data);

        public ValueTask FlushAsync()
        {
            lun.RefuseDead();
            return default;
        }

        public ValueTask ZeroAsync(long offset, long count, bool mayPunch)
        {
            Check(offset, count);
            return lun.ChangeAsync(lane, start + offset, count, () => lun.disk.Zero(start + offset, count));
        }

        public long DiscardStepBytes => lun.DiscardStep;

        public ValueTask DiscardAsync(long offset, long count) => ZeroAsync(offset, count, mayPunch: true);

        void Check(long offset, long count)
        {
            if (offset < 0 || count <= 0 || offset % SectorSize != 0 || count % SectorSize != 0 || offset > SizeBytes - count)
            {
                throw new ArgumentOutOfRangeException(nameof(offset), $"{count} bytes at {offset} of {SizeBytes}");
            }
        }
    }

    /// <summary>Pages are never changed in place, so that a copy costs no more than its table.</summary>
    sealed class Disk(long sizeBytes)
    {
        Dictionary<long, byte[]> pages = [];

        public Dictionary<long, object> Locks { get; } = [];

        public long SizeBytes => sizeBytes;

        public Disk Copy(long? otherSize = null)
        {
            lock (Locks)
            {
                return new Disk(otherSize ?? sizeBytes) { pages = new(pages) };
            }
        }

        public void Read(long offset, Span<byte> target)
        {
            lock (Locks)
            {
                for (var done = 0; done < target.Length;)
                {
                    var (number, inside) = Math.DivRem(offset + done, Page);
                    var part = target.Slice(done, (int)Math.Min(Page - inside, target.Length - done));
                    if (pages.TryGetValue(number, out var page))
                    {
                        page.AsSpan((int)inside, part.Length).CopyTo(part);
                    }
                    else
                    {
                        part.Clear();
                    }
                    done += part.Length;
                }
            }
        }

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            lock (Locks)
            {
                for (var done = 0; done < source.Length;)
                {
                    var (number, inside) = Math.DivRem(offset + done, Page);
                    var part = source.Slice(done, (int)Math.Min(Page - inside, source.Length - done));
                    var page = pages.TryGetValue(number, out var old) ? (byte[])old.Clone() : new byte[Page];
                    part.CopyTo(page.AsSpan((int)inside));
                    pages[number] = page;
                    done += part.Length;
                }
            }
        }

        public void Zero(long offset, long length)
        {
            lock (Locks)
            {
                var (first, last) = ((offset + Page - 1) / Page, (offset + length) / Page);
                foreach (var number in pages.Keys.Where(number => number >= first && number < last).ToList())
                {
                    pages.Remove(number);
                }
            }
            Write(offset, new byte[Math.Min(length, (Page - offset % Page) % Page)]);
            Write(offset + length - (offset + length) % Page, new byte[(offset + length) % Page]);
        }
    }
}
