using System.Buffers;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Storage;

/// <summary>The host records on the LUN: each host writes its own, everybody reads all.</summary>
sealed class HostRecordStore(PoolDomain domain)
{
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
    public async Task<HostRecordPair[]> ReadAllAsync()
    {
        // Every host asks every other second; a quarter of a mebibyte of new memory each time would keep the collector busy.
        var bytes = domain.Layout.HostRecordBytes;
        var buffer = ArrayPool<byte>.Shared.Rent(2 * bytes);
        var (first, second) = (buffer.AsMemory(0, bytes), buffer.AsMemory(bytes, bytes));
        await domain.Spm.ReadAsync(domain.Layout.HostRecordsFirst.OffsetBytes, first);
        await domain.Spm.ReadAsync(domain.Layout.HostRecordsSecond.OffsetBytes, second);
        var pairs = HostRecordPair.ReadAll(domain.Layout, domain.Superblock.Pool, first.Span, second.Span);
        // Not after a failure: whoever gave up on a read does not know whether the device is done with the memory.
        ArrayPool<byte>.Shared.Return(buffer);
        return pairs;
    }
}
