using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Guests;

/// <summary>A volume that is active while its lease is held, and no longer.</summary>
public sealed class ExclusiveVolumeTests
{
    [Fact]
    public async Task Its_lease_is_held_while_it_is_active_and_given_back_when_it_is_not()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var active = await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true);
        var held = await LeaderAsync(host, active.Slot);
        Assert.Equal((2ul, host.Membership.Generation, volume), (held.OwnerId, held.OwnerGeneration, $"{held.Resource}"));
        Assert.NotEqual(0ul, held.Timestamp);
        Assert.Equal(NbdError.None, await WriteAsync(active));
        Assert.Same(active, await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true));
        Assert.Contains("active here exclusively", (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false))).Message, StringComparison.Ordinal);

        await host.Activator.DeactivateAsync(active.Volume);
        Assert.Equal(0ul, (await LeaderAsync(host, active.Slot)).Timestamp);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
        Assert.False(await VolumeLease.WasHeldAsync(host.Domain, active.Slot, 2));
    }

    [Fact]
    public async Task A_lease_that_is_held_elsewhere_refuses_it_names_the_holder_and_leaves_nothing_behind()
    {
        var (lun, volume) = await VolumeAsync();
        var (holder, host) = (await TestHost.JoinAsync(lun, 2), await TestHost.JoinAsync(lun.OpenAgain(), 3));
        var slot = (await LunReader.ViewAsync(host.Domain)).Find(volume).Tags.Slot!.Value;
        var lease = holder.Membership.LeaseAt(holder.Domain.Leases, SlotGeometry.LeaseOffsetBytes(slot), volume);
        Assert.IsType<Leases.Resource.AcquireOutcome.Acquired>(await lease.AcquireAsync(new(), CancellationToken.None));
        await host.Membership.RefreshRecordsAsync();
        var refusal = await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true));
        Assert.Contains("held by 'host2' (host id 2)", refusal.Message, StringComparison.Ordinal);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
        Assert.Empty(host.Activator.Active);
        await lease.ReleaseAsync();
        await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true);
    }

    /// A vote that was taken back says released to others for good; whoever does not know it any more could be granted that very version.
    [Fact]
    public async Task The_lease_of_a_volume_is_one_object_whatever_became_of_earlier_attempts()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var offset = SlotGeometry.LeaseOffsetBytes(1);
        Assert.Same(host.Membership.LeaseAt(host.Domain.Leases, offset, volume), host.Membership.LeaseAt(host.Domain.Leases, offset, volume));
        Assert.NotSame(host.Membership.LeaseAt(host.Domain.Leases, offset, volume), host.Membership.LeaseAt(host.Domain.Leases, offset, "another"));
        for (ulong version = 1; version < 4; version++)
        {
            var active = await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true);
            Assert.Equal(version, (await LeaderAsync(host, active.Slot)).LeaseVersion);
            await host.Activator.DeactivateAsync(active.Volume);
        }
    }

    /// From the deadline on the lease may be another host's. T = 1 s: the fence closes 7.5 s after the last renewal.
    [Fact]
    public async Task When_the_host_id_is_not_renewed_its_writes_end_before_the_deadline_and_those_of_others_do_not()
    {
        var (lun, volume, other) = await TwoVolumesAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var exclusive = await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true);
        var plain = await host.Activator.ActivateAsync(other, readOnly: false);
        var left = host.Membership.Keeper!.Deadline.Margin;
        host.Pass(left - TimeSpan.FromSeconds(0.6));
        Assert.Equal(NbdError.None, await WriteAsync(exclusive));
        host.Pass(TimeSpan.FromSeconds(0.2));
        // Whether the watch has run or not: the fence is asked with the write.
        Assert.Equal(NbdError.ShuttingDown, await WriteAsync(exclusive));
        await AsyncWait.UntilAsync(() =>
        {
            host.Pass(TimeSpan.FromMilliseconds(1));
            return host.Activator.Active.Count == 1;
        });
        Assert.True(exclusive.Export.IsClosed);
        Assert.Equal(NbdError.None, await WriteAsync(plain));
        Assert.Contains(host.Log, line => line.Contains("was active exclusively and is closed", StringComparison.Ordinal));
    }

    /// It waited for space until the lease was gone.
    [Fact]
    public async Task A_write_that_waited_for_space_beyond_the_deadline_is_not_issued()
    {
        var allowed = true;
        var device = new MemoryDevice(1 << 20);
        var export = new VolumeExport(
            new VolumeExportOptions("v", 1 << 20) { Issue = write => allowed ? write() : null }, new SegmentTable([new VolumeSegment(device, 0, 512)], 1, 1),
            512, new GrowthCallback((_, _) => Task.FromResult(GrowthAnswer.Later)), new ManualClock());
        var waiting = export.WriteAsync(512, new byte[512], fua: false, CancellationToken.None);
        Assert.False(waiting.IsCompleted);
        allowed = false;
        export.Grow(new SegmentTable([new VolumeSegment(device, 0, 1024)], 1, 2));
        Assert.Equal(NbdError.ShuttingDown, await waiting);
    }

    [Fact]
    public async Task After_a_kill_it_is_not_served_without_its_lease_and_may_be_activated_again_in_either_way()
    {
        var (lun, volume) = await VolumeAsync();
        var killed = await TestHost.JoinAsync(lun, 2);
        var slot = (await killed.Activator.ActivateAsync(volume, readOnly: false, exclusive: true)).Slot;

        var after = await TestHost.JoinAsync(lun, 2);
        await after.Activator.RestoreAsync();
        Assert.Empty(after.Activator.Active);
        Assert.Contains("was active exclusively", Assert.Single(after.Log), StringComparison.Ordinal);
        Assert.Single(await after.Maps.AdoptAsync(after.Membership.Generation));
        await after.Activator.ActivateAsync(volume, readOnly: false);
        Assert.Equal(0ul, (await LeaderAsync(after, slot)).Timestamp);

        // Active without its lease now, it is served again after the next kill.
        var third = await TestHost.JoinAsync(lun, 2);
        await third.Activator.RestoreAsync();
        Assert.False(Assert.Single(third.Activator.Active).IsExclusive);
    }

    [Fact]
    public async Task A_node_that_ends_gives_it_back_and_leaves_the_others_marked()
    {
        var (lun, volume, other) = await TwoVolumesAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var slot = (await host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true)).Slot;
        var kept = (await host.Activator.ActivateAsync(other, readOnly: false)).Slot;
        await host.Activator.CloseAsync();
        Assert.Equal([kept], (await host.Maps.ReadOwnAsync()).Active().Select(entry => entry.Slot));
        Assert.Equal(0ul, (await LeaderAsync(host, slot)).Timestamp);
    }

    static async Task<NbdError> WriteAsync(ActiveVolume active) => await ((VolumeExport)active.Export).WriteAsync(0, new byte[4096], fua: false, CancellationToken.None);

    static async Task<LeaderRecord> LeaderAsync(TestHost host, int slot)
    {
        var sector = new byte[512];
        await host.Domain.Leases.ReadAsync(SlotGeometry.LeaseOffsetBytes(slot), sector);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.Resource, sector, out var leader));
        return leader!;
    }

    static async Task<(MemoryLun Lun, string Volume)> VolumeAsync()
    {
        var (lun, volume, _) = await TwoVolumesAsync();
        return (lun, volume);
    }

    static async Task<(MemoryLun Lun, string Volume, string Other)> TwoVolumesAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        return (term.Lun, $"{await term.CreateAsync()}", $"{await term.CreateAsync()}");
    }
}
