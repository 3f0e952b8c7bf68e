using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Guests;

public sealed class VolumeActivatorTests
{
    [Fact]
    public async Task Of_two_hosts_that_activate_for_writing_the_second_backs_off_and_leaves_no_entry()
    {
        var (lun, volume) = await VolumeAsync();
        var (first, second) = (await TestHost.JoinAsync(lun, 2), await TestHost.JoinAsync(lun.OpenAgain(), 3));
        await first.Activator.ActivateAsync(volume, readOnly: false);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => second.Activator.ActivateAsync(volume, readOnly: false));
        Assert.Contains("active for writing on", refusal.Message, StringComparison.Ordinal);
        Assert.True((await second.Maps.ReadOwnAsync()).IsIdle);
        await first.Activator.DeactivateAsync(Guid.Parse(volume));
        await second.Activator.ActivateAsync(volume, readOnly: false);
    }

    /// R10: between what this host reads of the metadata and what it reads of the maps, the other one grew and ended.
    [Fact]
    public async Task A_volume_that_grew_until_its_former_host_ended_is_served_with_all_that_it_has()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var (first, second) = (await TestHost.JoinAsync(term.Lun, 2), await TestHost.JoinAsync(term.Lun.OpenAgain(), 3));
        var before = (await first.Activator.ActivateAsync($"{volume}", readOnly: false)).Export.AllocatedBytes;
        var maps = second.Domain.SpmOffset + second.Domain.Layout.ActivationMaps.OffsetBytes;
        second.Lun.BeforeRead = offset =>
        {
            if (offset == maps)
            {
                second.Lun.BeforeRead = null;
                Task.Run(async () =>
                {
                    await term.Extension.ExtendAsync($"{volume}", new(before + 1, 2, first.Membership.Generation, null));
                    await first.Activator.DeactivateAsync(volume);
                }).GetAwaiter().GetResult();
            }
        };
        var there = await second.Activator.ActivateAsync($"{volume}", readOnly: false);
        Assert.True(there.Export.AllocatedBytes > before, $"it had {before} bytes and grew; served are {there.Export.AllocatedBytes}");
    }

    [Fact]
    public async Task Without_a_host_id_nothing_new_is_activated_and_what_is_active_stays()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        await host.Activator.ActivateAsync(volume, readOnly: false);
        host.Pass(TimeSpan.FromSeconds(9));
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: true))).Code);
        Assert.Single(host.Activator.Active);
    }

    /// The deadline is read at the beginning and again directly before the volume is served.
    [Fact]
    public async Task A_host_id_lost_in_the_middle_of_an_activation_serves_nothing()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        lun.BeforeWrite = (_, _) =>
        {
            host.Pass(TimeSpan.FromSeconds(9));
            return Task.CompletedTask;
        };
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false))).Code);
        Assert.Empty(host.Activator.Active);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    [Fact]
    public async Task A_deactivation_whose_last_write_fails_can_be_asked_for_again()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        await host.Activator.ActivateAsync(volume, readOnly: false);
        lun.BeforeWrite = (_, _) => throw new IOException("the path is gone");
        await Assert.ThrowsAsync<IOException>(() => host.Activator.DeactivateAsync(Guid.Parse(volume)));
        lun.BeforeWrite = null;
        Assert.False((await host.Maps.ReadOwnAsync()).IsIdle);
        // Half deactivated it is nobody's disk: not served as if nothing had happened.
        Assert.Contains("being deactivated", (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false))).Message, StringComparison.Ordinal);
        await host.Activator.DeactivateAsync(Guid.Parse(volume));
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
        await host.Activator.ActivateAsync(volume, readOnly: false);
    }

    /// The last write arrived and failed all the same; by the time anybody could ask again the volume is gone.
    [Fact]
    public async Task A_deactivation_that_the_storage_cut_short_is_ended_by_the_node()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var slot = (await host.Activator.ActivateAsync(volume, readOnly: false)).Slot;
        lun.BeforeWrite = (_, _) => throw new IOException("the path is gone");
        await Assert.ThrowsAsync<IOException>(() => host.Activator.DeactivateAsync(Guid.Parse(volume), slot));
        var chains = host.Node().Chains;
        await chains.EndDeactivationsAsync();
        Assert.False(host.Maps.TryHold(slot)); // the storage does not answer yet
        lun.BeforeWrite = null;
        await chains.EndDeactivationsAsync();
        Assert.Empty(host.Activator.Active);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
        Assert.True(host.Maps.TryHold(slot));
    }

    /// The write that should have cleared it failed when a creation or an activation ended.
    [Fact]
    public async Task Deactivating_clears_an_entry_that_nothing_on_this_node_stands_for()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        const int slot = 1;
        await host.Maps.SetAsync(slot, ActivationMode.ReadWrite, host.Membership.Generation);
        Assert.True(host.Maps.TryHold(slot));
        await host.Activator.DeactivateAsync(Guid.Parse(volume), slot);
        Assert.False((await host.Maps.ReadOwnAsync()).IsIdle); // a creation has it
        host.Maps.Release(slot);
        await host.Activator.DeactivateAsync(Guid.Parse(volume), slot);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
        Assert.True(host.Maps.TryHold(slot));
    }

    [Fact]
    public async Task A_node_that_ends_activates_nothing_more()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        await host.Activator.CloseAsync();
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false))).Code);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    [Fact]
    public async Task After_a_restart_the_same_volumes_are_served_and_adopting_keeps_them()
    {
        var (lun, volume) = await VolumeAsync();
        var before = await TestHost.JoinAsync(lun, 2);
        await before.Activator.ActivateAsync(volume, readOnly: true);
        var after = await TestHost.JoinAsync(lun, 2);
        await after.Activator.RestoreAsync();
        var served = Assert.Single(after.Activator.Active);
        Assert.Equal((volume, true), (served.Volume.ToString(), served.ReadOnly));
        Assert.Empty(await after.Maps.AdoptAsync(after.Membership.Generation));
        Assert.False((await after.Maps.ReadOwnAsync()).IsIdle);
    }

    /// A wrong confirm-dead (R11): the extents may be somebody else's by now.
    [Fact]
    public async Task A_volume_that_is_not_marked_any_more_is_not_served_on()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var active = await host.Activator.ActivateAsync(volume, readOnly: false);
        await host.Activator.DropUnmarkedAsync();
        Assert.Single(host.Activator.Active);
        await host.Maps.SetAsync(active.Slot, ActivationMode.Inactive, host.Membership.Generation);
        await host.Activator.DropUnmarkedAsync();
        Assert.Empty(host.Activator.Active);
        Assert.True(active.Export.IsClosed);
        Assert.Contains("confirmed dead", Assert.Single(host.Log), StringComparison.Ordinal);
    }

    /// R11: one after the other the second would be written on for as long as the first one's server takes to end.
    [Fact]
    public async Task All_that_is_not_marked_any_more_is_closed_before_anything_is_waited_for()
    {
        var host = await ServingAsync(3);
        await ClearMapAsync(host);
        var ends = new TaskCompletionSource();
        host.ServerEnds = ends.Task;
        var dropping = host.Activator.DropUnmarkedAsync();
        Assert.Equal([true, true, true], host.Activator.Active.Select(active => active.Export.IsClosed));
        Assert.False(dropping.IsCompleted);
        ends.SetResult();
        Assert.True(await dropping);
        Assert.Empty(host.Activator.Active);
    }

    /// R11: the host id was taken by another machine, which uses the same slot.
    [Fact]
    public async Task A_slot_that_is_marked_by_another_machine_is_not_ours_to_serve()
    {
        var host = await ServingAsync(1);
        var slot = host.Activator.Active.Single().Slot;
        await ClearMapAsync(host);
        await new ActivationMaps(host.Domain, 2, new MapOwner(Guid.NewGuid(), Guid.NewGuid())).SetAsync(slot, ActivationMode.ReadWrite, 9);
        Assert.True(await host.Activator.DropUnmarkedAsync());
        Assert.Empty(host.Activator.Active);
    }

    /// R11: the storage that kept this host away long enough to be confirmed dead may fail once more when it is back.
    [Fact]
    public async Task A_node_asks_again_until_its_map_could_be_read()
    {
        var host = await ServingAsync(2);
        var map = host.Domain.SpmOffset + HostActivations.Place(host.Domain.Layout, 2).OffsetBytes;
        using var stop = new CancellationTokenSource();
        var joined = false;
        var running = host.Node().RunAsync(() => joined = true, stop.Token);
        await DriveAsync(() => joined);
        await ClearMapAsync(host);
        var failures = 0;
        host.Lun.BeforeRead = offset =>
        {
            if (offset == map && failures++ < 5)
            {
                throw new IOException("the path is gone");
            }
        };
        var renewal = host.Domain.IdsOffset + 512;
        host.Lun.BeforeWrite = (_, offset) => offset == renewal ? throw new IOException("the path is gone") : Task.CompletedTask;
        await DriveAsync(() => !host.Membership.IsValid);
        host.Lun.BeforeWrite = null;
        await DriveAsync(() => host.Activator.Active.Count == 0);
        Assert.True(failures > 5);
        await stop.CancelAsync();
        await DriveAsync(() => running.IsCompleted);
        await running;

        async Task DriveAsync(Func<bool> done)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (!done())
            {
                host.Pass(TimeSpan.FromMilliseconds(50));
                await Task.Delay(1, limit.Token);
            }
        }
    }

    /// R10: the crash came between writing the entry and looking at the others' maps.
    [Fact]
    public async Task An_entry_that_was_never_checked_is_not_served_beside_another_writer()
    {
        var (lun, volume) = await VolumeAsync();
        var writer = await TestHost.JoinAsync(lun, 2);
        var active = await writer.Activator.ActivateAsync(volume, readOnly: false);
        var crashed = await TestHost.JoinAsync(lun.OpenAgain(), 3);
        await crashed.Maps.SetAsync(active.Slot, ActivationMode.ReadWrite, 1);
        var again = await TestHost.JoinAsync(lun.OpenAgain(), 4);
        await again.Maps.SetAsync(active.Slot, ActivationMode.ReadWrite, 1);
        await again.Activator.RestoreAsync();
        Assert.Empty(again.Activator.Active);
        Assert.Contains("another host has it active", Assert.Single(again.Log), StringComparison.Ordinal);
        Assert.Single(await again.Maps.AdoptAsync(again.Membership.Generation));
        Assert.True((await again.Maps.ReadOwnAsync()).IsIdle);
    }

    /// The SPM died while it zeroed new extents of a finished volume.
    [Fact]
    public async Task What_the_SPM_worked_on_when_it_died_is_served_to_nobody()
    {
        var (lun, volume) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2);
        var slot = (await host.Activator.ActivateAsync(volume, readOnly: false)).Slot;
        await host.Activator.DeactivateAsync(Guid.Parse(volume));
        await host.Maps.SetAsync(slot, ActivationMode.Working, 1);
        var after = await TestHost.JoinAsync(lun, 2);
        await after.Activator.RestoreAsync();
        Assert.Empty(after.Activator.Active);
        Assert.Single(await after.Maps.AdoptAsync(after.Membership.Generation));
        Assert.True((await after.Maps.ReadOwnAsync()).IsIdle);
    }

    static async Task<TestHost> ServingAsync(int volumes)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var host = await TestHost.JoinAsync(term.Lun.OpenAgain(), 2);
        for (var made = 0; made < volumes; made++)
        {
            await host.Activator.ActivateAsync($"{await term.CreateAsync()}", readOnly: false);
        }
        return host;
    }

    /// What confirm-dead writes.
    static async Task ClearMapAsync(TestHost host)
    {
        var own = await host.Maps.ReadOwnAsync();
        for (var part = 0; part < own.Parts.Count; part++)
        {
            var write = own.Clear(part, TestDomain.ThisMachine with { MachineId = Guid.NewGuid() }, 1);
            await host.Domain.Spm.WriteAsync(write.Sector.OffsetBytes, write.Sector.Bytes);
            own = write.Next;
        }
    }

    static async Task<(MemoryLun Lun, string Volume)> VolumeAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        return (term.Lun, $"{await term.CreateAsync()}");
    }
}
