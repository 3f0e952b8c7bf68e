using System.Buffers.Binary;
using OvirtSpm.Leases;

namespace OvirtSpm.SanlockInterop;

/// <summary>A counter on the shared storage that only the owner of the lease may touch: two owners at a time do not stay hidden.</summary>
/// <remarks>
/// The owner finds nobody's name, writes its own beside the next count, sees both stand still for a while, and takes its name away.
/// <code>0 u64 count   8 u32 host id, 0 for nobody</code>
/// The idea is that of sanlock's own devcount test.
/// </remarks>
internal sealed class Witness(ILeaseArea area, int hostId)
{
    private const int Looks = 5;
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(5);

    /// <summary>To be called while the lease is held.</summary>
    public async Task<ulong> OwnAsync()
    {
        var (count, owner) = await ReadAsync();
        Assert.True(owner == 0, $"host {hostId} owns the lease, and so does host {owner} at count {count}");
        count++;
        await WriteAsync(count, hostId);
        for (var look = 0; look < Looks; look++)
        {
            await Task.Delay(BetweenLooks);
            Assert.Equal((count, hostId), await ReadAsync());
        }

        await WriteAsync(count, 0);
        return count;
    }

    public async Task<(ulong Count, int Owner)> ReadAsync()
    {
        var sector = new byte[area.SectorSize];
        await area.ReadAsync(LeaseStorage.WitnessAt, sector);
        return (BinaryPrimitives.ReadUInt64LittleEndian(sector), BinaryPrimitives.ReadInt32LittleEndian(sector.AsSpan(8)));
    }

    private async Task WriteAsync(ulong count, int owner)
    {
        var sector = new byte[area.SectorSize];
        BinaryPrimitives.WriteUInt64LittleEndian(sector, count);
        BinaryPrimitives.WriteInt32LittleEndian(sector.AsSpan(8), owner);
        await area.WriteAsync(LeaseStorage.WitnessAt, sector);
    }
}
