using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Tests;

public class HostTableTests
{
    /// A host that lost its host id and took it again looks with a new renewal loop, which remembers no bytes.
    [Fact]
    public void What_did_not_change_stays_unchanged_for_a_look_without_bytes_to_compare()
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
        table.Look(area, [], At(100), At(100));
        Assert.Equal(HostState.Unknown, table.Find(2)!.Value.State);
        table.Look(area, [], At(120), At(120));
        Assert.Equal(HostState.Dead, table.Find(2)!.Value.State);
        Assert.Equal(At(100), table.Find(2)!.Value.Since);
    }

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
