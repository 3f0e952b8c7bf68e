using System.Buffers.Binary;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Mapped.Tail;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tests.Guests;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

/// <summary>Volumes whose writes wait behind the end, from a guest's write to the SPM's answer.</summary>
public class TailedActivationTests
{
    const long Extent = 128L << 20, Sectors = Extent / 512;
    readonly FakeDeviceMapper kernel = new();
    MapIdentity? volume;

    [Fact]
    public async Task A_write_behind_the_end_waits_for_the_SPM_and_goes_on()
    {
        var (host, active) = await ActiveAsync();
        Assert.Equal($"/dev/mapper/{volume!.Name}-spm", active.Served.SocketPath);
        var write = Write(Sectors + 5);
        await PassUntilAsync(host, () => write.Result is not null);
        var end = active.Export.AllocatedBytes;
        Assert.True(end > Extent, $"{end}");
        // R15: one extent more than its guest was given.
        Assert.Equal(end + Extent, active.Export.Table.AllocatedBytes);
        Assert.Equal([active.Export.Table.AllocatedBytes], host.Asked);
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        await PassUntilAsync(host, () => kernel.Count == 4);
        Assert.Empty(kernel.Waits);
        Assert.Equal(end / 512, kernel.Find(Guest)!.Live[0].LengthSectors);
    }

    /// R15: its image ends before the last extent does.
    [Fact]
    public async Task A_guest_that_never_grew_has_a_reserve_where_its_image_says_so()
    {
        var (host, active) = await ActiveAsync(imageEndBytes: (int)Extent - (1 << 20));
        Assert.Equal(Extent - (1 << 20), active.Export.AllocatedBytes);
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.PoolFull);
        var write = Write(Sectors - 5);
        await PassUntilAsync(host, () => write.Result is not null);
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        await PassUntilAsync(host, () => kernel.Count == 2);
        Assert.Equal("ENOSPC", Write(Sectors).Result);
    }

    [Fact]
    public async Task Without_an_answer_it_ends_at_the_limit_in_the_reserve_and_is_held_again_once_there_is_space()
    {
        var (host, active) = await ActiveAsync();
        await GrowAsync(host, active, 3 * Extent);
        await PassUntilAsync(host, () => kernel.Count == 4);
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.Later);
        var write = Write((2 * Sectors) + 5);
        await PassUntilAsync(host, () => active.Export.HeldWrites == 1);
        host.Pass(TimeSpan.FromSeconds(19));
        await PassUntilAsync(host, () => write.Result is not null);
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        await PassUntilAsync(host, () => kernel.Count == 2);
        Assert.Equal("ENOSPC", Write(3 * Sectors).Result);
        // R31
        Assert.Contains(host.Log, line => line.Contains("no space came within 2", StringComparison.Ordinal));

        await GrowAsync(host, active, 5 * Extent);
        Assert.StartsWith("8:0 ", Write(3 * Sectors).Result, StringComparison.Ordinal);
        Assert.Null(Write(5 * Sectors).Result);
    }

    [Fact]
    public async Task A_full_pool_is_told_at_once()
    {
        var (host, active) = await ActiveAsync();
        await GrowAsync(host, active, 3 * Extent);
        await PassUntilAsync(host, () => kernel.Count == 4);
        host.Spm = (_, _) => throw Refusal.NoSpace("full");
        var write = Write((2 * Sectors) + 5);
        await PassUntilAsync(host, () => kernel.Count == 2, TimeSpan.FromSeconds(5));
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        Assert.Equal("ENOSPC", Write(3 * Sectors).Result);
    }

    /// R15: what is left of a pool is no good as a reserve of volumes that cannot grow.
    [Fact]
    public async Task The_last_extent_of_a_pool_is_used()
    {
        var (host, active) = await ActiveAsync();
        var answer = host.Spm;
        host.Spm = (id, request) => request.SizeBytes > 2 * Extent ? throw Refusal.NoSpace("full") : answer(id, request);
        var write = Write(Sectors + 5);
        await PassUntilAsync(host, () => kernel.Count == 2, TimeSpan.FromSeconds(5));
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        Assert.Equal((2 * Extent, 2 * Extent), (active.Export.AllocatedBytes, active.Export.Table.AllocatedBytes));
    }

    /// C7, R16: a write comes behind the end in the instant in which the guest's map begins to wait for its new table.
    [Fact]
    public async Task A_write_that_comes_while_the_guests_map_changes_keeps_the_guest_waiting_for_a_moment_only()
    {
        var (host, active) = await ActiveAsync();
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.Later);
        FakeWrite? late = null;
        kernel.Before = step =>
        {
            if (step == "resume" && kernel.Find(Guest)!.HasInactive)
            {
                kernel.Before = null;
                late = Write((2 * Sectors) + 5);
            }
        };
        await GrowAsync(host, active, 3 * Extent);
        await PassUntilAsync(host, () => kernel.Waits.Count > 0);
        var inside = Write(7);
        Assert.Null(inside.Result);
        await PassUntilAsync(host, () => inside.Result is not null, TimeSpan.FromSeconds(2));
        Assert.StartsWith("8:0 ", late!.Result, StringComparison.Ordinal);
        await PassUntilAsync(host, () => kernel.Count == 2);
    }

    [Fact]
    public async Task A_node_that_ends_holds_nothing_and_its_next_life_does_again()
    {
        var (host, active) = await ActiveAsync();
        await GrowAsync(host, active, 3 * Extent);
        await PassUntilAsync(host, () => kernel.Count == 4);
        var write = Write((2 * Sectors) + 5);
        await host.Activator.CloseAsync();
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
        Assert.Equal("ENOSPC", Write(3 * Sectors).Result);

        var next = await TestHost.JoinAsync(host.Lun, 2, kernel, holds: true);
        await next.Activator.RestoreAsync();
        await PassUntilAsync(next, () => kernel.Find(Guest)!.Live.Count == 2);
        Assert.Null(Write(3 * Sectors).Result);
    }

    [Fact]
    public async Task What_waits_when_the_node_is_killed_is_found_by_its_next_life_and_goes_on()
    {
        var (host, active, write) = await WaitingAsync();
        var next = await TestHost.JoinAsync(host.Lun, 2, kernel, holds: true);
        Answer(next, host.Spm);
        await next.Activator.RestoreAsync();
        Assert.Equal(active.Served.SocketPath, Assert.Single(next.Activator.Active).Served.SocketPath);
        await PassUntilAsync(next, () => write.Result is not null);
        Assert.StartsWith("8:0 ", write.Result, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_not_deactivated_below_its_guest_and_leaves_nothing_when_it_is()
    {
        var (host, active) = await ActiveAsync();
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.DeactivateAsync(active.Volume))).Code);
        Assert.Null(Write(Sectors).Result);
        await PassUntilAsync(host, () => active.Export.HeldWrites == 0);
        kernel.Set(kernel.Find(Guest)! with { OpenCount = 0 });
        await host.Activator.DeactivateAsync(active.Volume);
        Assert.Equal(0, kernel.Count);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    /// R17, R31: its next life does not serve it, and nobody else would end what waits.
    [Fact]
    public async Task What_waits_in_a_map_that_no_activation_stands_behind_fails()
    {
        var (host, _, write) = await WaitingAsync();
        var next = await TestHost.JoinAsync(host.Lun, 2, kernel, holds: true);
        await next.Maps.AdoptAsync(next.Membership.Generation);
        Assert.Equal("EIO", write.Result);
        Assert.StartsWith("8:0 ", Write(5).Result, StringComparison.Ordinal);
        Assert.False((await next.Maps.ReadOwnAsync()).IsIdle);
    }

    /// R31: before a join, which may wait for the storage.
    [Fact]
    public async Task What_waits_in_a_volume_that_is_not_served_again_fails_at_once()
    {
        var (host, _, write) = await WaitingAsync();
        var own = kernel.Find(volume!.Uuid)!;
        kernel.Set(own with { OpenCount = 0, Live = [own.Live[0] with { Parameters = "8:0 1" }] });
        var next = await TestHost.JoinAsync(host.Lun, 2, kernel, holds: true);
        Assert.True(new VolumeMaps(kernel, mapsNew: true, TimeProvider.System).HasHolds(host.Domain.Group.Uuid));
        await next.Activator.RestoreAsync();
        Assert.Empty(next.Activator.Active);
        Assert.Equal(("EIO", true), (write.Result, next.Activator.HasRestored));
        Assert.False((await next.Maps.ReadOwnAsync()).IsIdle);
    }

    [Fact]
    public async Task What_somebody_else_let_go_is_held_again()
    {
        var (host, active) = await ActiveAsync();
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.Later);
        var write = Write(Sectors + 5);
        kernel.Resume(kernel.List().Single(TailLayers.IsHold));
        Assert.Equal("EIO", write.Result);
        await PassUntilAsync(host, () => host.Log.Any(line => line.Contains("it is held again", StringComparison.Ordinal)));
        Assert.Null(Write(Sectors + 5).Result);
        Assert.Equal(1, host.Log.Count(line => line.Contains("it is held again", StringComparison.Ordinal)));
        await active.Served.DisposeAsync();
    }

    /// R11
    [Fact]
    public async Task A_host_that_was_confirmed_dead_fails_what_waits()
    {
        var (host, active) = await ActiveAsync();
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.Later);
        var write = Write(Sectors + 5);
        await host.Maps.SetAsync(active.Slot, Volumes.SpmVolume.ActivationMode.Inactive, host.Membership.Generation);
        Assert.True(await host.Activator.DropUnmarkedAsync());
        Assert.Equal(("EIO", "EIO"), (write.Result, Write(5).Result));
    }

    [Fact]
    public async Task One_that_is_read_only_or_has_all_it_may_have_is_mapped_as_it_is()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (cow, raw) = (await term.CreateAsync(), await term.CreateAsync("raw", Extent));
        var host = await TestHost.JoinAsync(term.Lun, 2, kernel, holds: true);
        await host.Activator.ActivateAsync($"{cow}", readOnly: true);
        await host.Activator.ActivateAsync($"{raw}", readOnly: false);
        Assert.Equal(2, kernel.Count);
    }

    string Guest => TailLayers.GuestOf(volume!).Uuid;

    FakeWrite Write(long sector) => kernel.Write(Guest, sector);

    /// <param name="imageEndBytes">Of an image in it; null where there is none.</param>
    async Task<(TestHost Host, ActiveVolume Active)> ActiveAsync(int? imageEndBytes = null)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var id = await term.CreateAsync();
        var host = await TestHost.JoinAsync(term.Lun, 2, kernel, holds: true);
        if (imageEndBytes is { } end)
        {
            var place = Assert.Single(host.Domain.Devices.Table(host.Domain.Group, host.Domain.Group.Find($"{id}")!).Segments);
            await place.Device.WriteAsync(place.DeviceOffsetBytes, Image(end));
        }
        Answer(host, (asked, request) => term.Extension.ExtendAsync($"{asked}", request).GetAwaiter().GetResult());
        var active = await host.Activator.ActivateAsync($"{id}", readOnly: false);
        volume = MapIdentity.Of(host.Domain.Group, host.Domain.Group.Find($"{id}")!);
        kernel.Set(kernel.Find(Guest)! with { OpenCount = 1 });
        return (host, active);
    }

    /// <summary>And a write of its guest behind the end, which nobody answers.</summary>
    async Task<(TestHost Host, ActiveVolume Active, FakeWrite Write)> WaitingAsync()
    {
        var (host, active) = await ActiveAsync();
        host.AskForHeld = (_, _, _) => Task.FromResult(GrowthAnswer.Later);
        var write = Write(Sectors + 5);
        await PassUntilAsync(host, () => active.Export.HeldWrites == 1);
        return (host, active, write);
    }

    /// <summary>The header of a qcow2 image with its first clusters in use.</summary>
    static byte[] Image(int endBytes)
    {
        const int Cluster = 65536;
        var image = new byte[4 * Cluster];
        (int At, uint Value)[] fields = [(0, 0x514649FB), (4, 3), (20, 16), (28, 1 << 30), (36, 2), (44, 3 * Cluster), (52, Cluster), (56, 1), (96, 4), (100, 104), (Cluster + 4, 2 * Cluster)];
        foreach (var (at, value) in fields)
        {
            BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(at), value);
        }
        for (var cluster = 0; cluster < endBytes / Cluster; cluster++)
        {
            image[(2 * Cluster) + (2 * cluster) + 1] = 1;
        }
        return image;
    }

    static void Answer(TestHost host, Func<Guid, ExtendVolumeRequest, ExtendVolumeReply> spm)
    {
        host.Spm = spm;
        host.AskForHeld = (volume, wanted, stop) => host.Growth.ForHeldWrites(volume, _ => { }).AskAsync(wanted, stop);
    }

    /// <summary>An answer of the SPM, the reserve in it.</summary>
    static async Task GrowAsync(TestHost host, ActiveVolume active, long bytes) => Assert.IsType<GrowOutcome.Grown>(
        await host.Activator.GrowAsync(active.Volume, host.Spm(active.Volume, new ExtendVolumeRequest(bytes, host.Membership.Identity.HostId, host.Membership.Generation, null))));

    static async Task PassUntilAsync(TestHost host, Func<bool> happened, TimeSpan? within = null)
    {
        var passed = TimeSpan.Zero;
        while (!happened())
        {
            Assert.True(passed < (within ?? TimeSpan.FromSeconds(60)), $"It did not happen within {passed}.");
            host.Pass(TimeSpan.FromMilliseconds(20));
            passed += TimeSpan.FromMilliseconds(20);
            await Task.Delay(2);
        }
    }
}
