using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;

namespace OvirtSpm.Node;

/// <summary>Wins an election and commits twice, on a few megabytes of memory, before this host has to do it on the LUN.</summary>
/// <remarks>
/// A host that becomes SPM for the first time compiles ballots, takeover and commit on the way: measured 140 to 240 ms of a hand-over that
/// takes 30 to 60 the second time. Nothing here knows of the LUN.
/// </remarks>
static class TakeoverWarmup
{
    const string Name = "warmup";
    const int Sector = 512;

    /// <returns>Whether the whole way was walked.</returns>
    public static async Task<bool> RunAsync(TimeProvider clock, IChoice choice)
    {
        var geometry = LeaseGeometry.For(Sector, 1 << 20);
        var area = new MemoryArea(2 * geometry.AlignBytes);
        await LockspaceFormat.InitialiseAsync(area, geometry, Name, _ => 1);
        await ResourceFormat.InitialiseAsync(area, geometry.AlignBytes, geometry, Name, Name);
        var keeper = new LeaseKeeper(
            area, geometry, Name, 1, Name, new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), clock, choice, (_, _) => TimeSpan.Zero);
        await keeper.JoinAsync(CancellationToken.None);
        var lease = new ResourceLease(area, geometry.AlignBytes, geometry, Name, Name, keeper, clock, choice);
        var committed = await lease.AcquireAsync(new AcquireOptions(), CancellationToken.None) is AcquireOutcome.Acquired acquired
            && await CommitAsync(new PoolFence(acquired.LeaseVersion, margin => lease.MayWrite(acquired.LeaseVersion, margin), TimeSpan.Zero, clock), clock);
        await lease.ReleaseAsync();
        await keeper.LeaveAsync();
        return committed;
    }

    static async Task<bool> CommitAsync(PoolFence fence, TimeProvider clock)
    {
        var pv = new MemoryArea(16 << 20);
        var options = new VgCreateOptions
        {
            Name = Name,
            VgUuid = LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)1, LvmUuid.Length)]),
            PvUuid = LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)2, LvmUuid.Length)]),
            ExtentSizeBytes = 1 << 20,
            MetadataAreaBytes = 1 << 20,
        };
        await VolumeGroupFormat.CreateAsync(pv, options, DateTimeOffset.UnixEpoch, Name);
        if (await MetadataStore.OpenAsync([pv], clock, Name) is not OpenOutcome.Opened { Store: var store }
            || await store.TakeOverAsync(fence) is not TakeOverOutcome.TakenOver)
        {
            return false;
        }
        var worker = new PoolWorker(store, fence, clock, new PoolCounters());
        var running = worker.RunAsync();
        var id = LvmUuid.FromRandomBytes([.. Enumerable.Repeat((byte)3, LvmUuid.Length)]);
        var made = await worker.SubmitAsync("create", draft => draft.CreateLinear("v", id, 1, [], DateTimeOffset.UnixEpoch, Name));
        var grown = await worker.SubmitAsync("extend", draft => draft.Extend("v", 2));
        worker.StopAccepting();
        await running;
        return made is PoolResult.Done && grown is PoolResult.Done;
    }

    sealed class MemoryArea(int bytes) : ILeaseArea, IPvArea
    {
        readonly byte[] content = new byte[bytes];

        public int SectorSize => Sector;

        public long SizeBytes => content.Length;

        string IPvArea.Name => Name;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
        {
            content.AsMemory((int)offsetBytes, buffer.Length).CopyTo(buffer);
            return default;
        }

        public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
        {
            data.CopyTo(content.AsMemory((int)offsetBytes));
            return default;
        }

        public ValueTask FlushAsync() => default;
    }
}
