using System.Buffers;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Storage;

/// <summary>The host records on the LUN: each host writes its own, everybody reads all.</summary>
sealed class HostRecordStore(PoolDomain domain)
{
    readonly Lock gate = new();

    /// <summary>Both regions as they were read last, and what they said: what did not change is not parsed again.</summary>
    readonly byte[] lastFirst = new byte[domain.Layout.HostRecordBytes];
    readonly byte[] lastSecond = new byte[domain.Layout.HostRecordBytes];
    readonly HostRecordPair?[] lastPairs = new HostRecordPair?[SpmLayout.Hosts];
    HostRecordPair[] lastAnswer = [];

    /// <summary>Publishes this host's record in the copy that is not the newest believed one, so that a torn write loses nothing.</summary>
    public async Task PublishAsync(Func<ulong, HostRecord> recordWithSequence, int hostId)
    {
        var pair = await ReadAsync(hostId);
        var record = recordWithSequence(pair.NextSequence);
        if (record.Problem() is { } problem)
        {
            throw Refusal.Invalid($"this host cannot describe itself on the LUN: {problem}.");
        }
        var sector = new byte[domain.Layout.SectorSize];
        record.Format(sector);
        await domain.Spm.WriteAsync(domain.Layout.HostRecordOffsetBytes(hostId, pair.NextCopy), sector);
    }

    public async Task<HostRecordPair> ReadAsync(int hostId)
    {
        var first = new byte[domain.Layout.SectorSize];
        var second = new byte[domain.Layout.SectorSize];
        await domain.Spm.ReadAsync(domain.Layout.HostRecordOffsetBytes(hostId, 0), first);
        await domain.Spm.ReadAsync(domain.Layout.HostRecordOffsetBytes(hostId, 1), second);
        return HostRecordPair.Read(first, second, domain.Superblock.Pool, hostId);
    }

    /// <summary>Of every host id, the pair of host h at index h − 1.</summary>
    public Task<HostRecordPair[]> ReadAllAsync() => ReadUpToAsync(SpmLayout.Hosts);

    /// <summary>As <see cref="ReadAllAsync"/>, but reads only host ids up to one; of those above it is told what the last reading showed.</summary>
    public async Task<HostRecordPair[]> ReadUpToAsync(int highestHost)
    {
        // Every host asks all the time; a quarter of a mebibyte of new memory each time would keep the collector busy.
        var bytes = highestHost * domain.Layout.SectorSize;
        var buffer = ArrayPool<byte>.Shared.Rent(2 * bytes);
        var (first, second) = (buffer.AsMemory(0, bytes), buffer.AsMemory(bytes, bytes));
        await domain.Spm.ReadAsync(domain.Layout.HostRecordsFirst.OffsetBytes, first);
        await domain.Spm.ReadAsync(domain.Layout.HostRecordsSecond.OffsetBytes, second);
        var pairs = Parse(first.Span, second.Span);
        // Not after a failure: whoever gave up on a read does not know whether the device is done with the memory.
        ArrayPool<byte>.Shared.Return(buffer);
        return pairs;
    }

    HostRecordPair[] Parse(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        lock (gate)
        {
            var (size, changed) = (domain.Layout.SectorSize, false);
            for (var i = 0; i < SpmLayout.Hosts; i++)
            {
                var (at, isRead) = (i * size, (i + 1) * size <= first.Length);
                if (isRead && Changed(first.Slice(at, size), lastFirst.AsSpan(at, size)) | Changed(second.Slice(at, size), lastSecond.AsSpan(at, size)))
                {
                    lastPairs[i] = null;
                }
                if (lastPairs[i] is null)
                {
                    lastPairs[i] = HostRecordPair.Read(lastFirst.AsSpan(at, size), lastSecond.AsSpan(at, size), domain.Superblock.Pool, i + 1);
                    changed = true;
                }
            }
            return lastAnswer = changed ? [.. lastPairs!] : lastAnswer;
        }
    }

    static bool Changed(ReadOnlySpan<byte> now, Span<byte> last)
    {
        if (now.SequenceEqual(last))
        {
            return false;
        }
        now.CopyTo(last);
        return true;
    }
}
