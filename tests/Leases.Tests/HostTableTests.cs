using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Tests;

public class HostTableTests
{
    /// A host that lost its host id and took it again looks with a new renewal loop: for that nothing has changed either.
    [Fact]
    public void What_did_not_change_stays_unchanged_and_ids_that_nobody_holds_are_left_out()
    {
        var geometry = LeaseGeometry.For(512, Pool.MiB);
        var area = new byte[Pool.MiB];
        for (var id = 1; id <= geometry.MaxHosts; id++)
        {
            var fresh = LockspaceFormat.Fresh(geometry, LeaseName.Of("LS"), 1);
            var record = id == 2 ? fresh with { OwnerId = 2, OwnerGeneration = 3, Timestamp = 77, Resource = LeaseName.Of("two") } : fresh;
            record.Format(area.AsSpan((int)geometry.HostIdOffset(id), 512));
        }

        var timing = new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero);
        var table = new HostTable(geometry, LeaseName.Of("LS"), 1, timing, (_, _) => TimeSpan.Zero);
        Assert.Equal(0, table.HighestUsed);
        table.Look(area, At(100), At(100));
        Assert.Equal(HostState.Unknown, table.Find(2)!.Value.State);
        table.Look(area, At(120), At(120));
        Assert.Equal(HostState.Dead, table.Find(2)!.Value.State);
        Assert.Equal(At(100), table.Find(2)!.Value.Since);
        Assert.Equal([2], table.Snapshot().Select(host => host.Id));

        // Nobody has parsed the sectors of the others one by one; each is found all the same when it changes, and goes when it is clean again.
        var clean = area.AsSpan((int)geometry.HostIdOffset(900), 512).ToArray();
        area[geometry.HostIdOffset(900) + 60] ^= 1;
        table.Look(area, At(140), At(140));
        Assert.Equal([2, 900], table.Snapshot().Select(host => host.Id));
        Assert.Equal(HostState.Unreadable, table.Find(900)!.Value.State);
        Assert.Equal(900, table.HighestUsed);
        clean.CopyTo(area, geometry.HostIdOffset(900));
        table.Look(area.AsSpan(0, 128 << 10), At(160), At(160));
        Assert.Equal(900, table.HighestUsed);
        table.Look(area, At(180), At(180));
        Assert.Equal(2, table.HighestUsed);
        Assert.Equal(HostState.Free, table.Find(900)!.Value.State);
    }

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
