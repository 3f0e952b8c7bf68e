using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Storage;

public sealed class ActivationMapsTests
{
    [Fact]
    public async Task Entries_of_another_machine_are_neither_cleared_nor_overwritten()
    {
        var lun = await TestDomain.LunAsync();
        var domain = await PoolDomain.OpenAsync(lun);
        var stranger = new ActivationMaps(domain, 5, new MapOwner(Guid.NewGuid(), Guid.NewGuid()));
        await stranger.SetAsync(9, ActivationMode.ReadWrite, 1);
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => ours.AdoptAsync(2))).Code);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => ours.SetAsync(10, ActivationMode.ReadOnly, 2))).Code);
        Assert.Equal([(9, ActivationMode.ReadWrite)], (await ours.ReadOwnAsync()).Active());
    }

    [Fact]
    public async Task Entries_of_an_earlier_boot_of_this_machine_are_void()
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        await new ActivationMaps(domain, 5, TestDomain.ThisMachine with { BootId = Guid.NewGuid() }).SetAsync(9, ActivationMode.ReadWrite, 1);
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        Assert.Contains("earlier boot", Assert.Single(await ours.AdoptAsync(2)), StringComparison.Ordinal);
        Assert.True((await ours.ReadOwnAsync()).IsIdle);
        await ours.SetAsync(10, ActivationMode.ReadOnly, 2);
        Assert.Equal([(10, ActivationMode.ReadOnly)], (await ours.ReadOwnAsync()).Active());
    }

    [Fact]
    public async Task Adopting_clears_what_nobody_in_this_process_holds_and_nothing_else()
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        foreach (var slot in (int[])[1, 2, 3, 1900])
        {
            await ours.SetAsync(slot, ActivationMode.ReadWrite, 1);
        }
        Assert.True(ours.TryHold(2));
        Assert.True(ours.TryHold(1900));
        Assert.False(ours.TryHold(2));
        Assert.Equal(2, (await ours.AdoptAsync(2)).Count);
        Assert.Equal([2, 1900], (await ours.ReadOwnAsync()).Active().Select(active => active.Slot));
        ours.Release(2);
        Assert.True(ours.TryHold(2));
    }

    [Fact]
    public async Task A_map_that_cannot_be_believed_is_not_written_and_counts_as_in_use()
    {
        var lun = await TestDomain.LunAsync();
        var domain = await PoolDomain.OpenAsync(lun);
        var at = Damage(lun, domain, host: 5);
        var before = lun.Peek(at, 512);
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        Assert.Equal(RefusalCode.Damaged, (await Assert.ThrowsAsync<Refusal>(() => ours.SetAsync(3, ActivationMode.ReadWrite, 1))).Code);
        Assert.Equal(RefusalCode.Damaged, (await Assert.ThrowsAsync<Refusal>(() => ours.AdoptAsync(1))).Code);
        Assert.Equal(before, lun.Peek(at, 512));
        Assert.Equal([new SlotUser(5, SlotUse.Unreadable)], (await new ActivationMaps(domain, 6, TestDomain.ThisMachine).ReadAllAsync()).UsersOf(3));
    }

    /// R10: whoever frees extents asks the same object again and again, and must see what another host wrote a moment ago.
    [Fact]
    public async Task A_second_reading_shows_what_changed_since_the_first()
    {
        var lun = await TestDomain.LunAsync();
        var domain = await PoolDomain.OpenAsync(lun);
        var (ours, theirs) = (new ActivationMaps(domain, 5, TestDomain.ThisMachine), new ActivationMaps(domain, 6, TestDomain.ThisMachine));
        Assert.True((await ours.ReadAllAsync()).MayRelease(3));
        await theirs.SetAsync(3, ActivationMode.ReadWrite, 1);
        Assert.Equal([new SlotUser(6, SlotUse.ReadWrite)], (await ours.ReadAllAsync()).UsersOf(3));
        Damage(lun, domain, host: 6);
        Assert.Equal([new SlotUser(6, SlotUse.Unreadable)], (await ours.ReadAllAsync()).UsersOf(3));
    }

    /// C8: the volume could not be removed for as long as the node runs.
    [Fact]
    public async Task An_entry_whose_last_write_failed_is_cleared_later_and_what_is_held_stays()
    {
        var lun = await TestDomain.LunAsync();
        var domain = await PoolDomain.OpenAsync(lun);
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        Assert.True(ours.TryHold(4));
        await ours.SetAsync(4, ActivationMode.ReadWrite, 1);
        var hold = (await SlotHold.TryTakeAsync(ours, 3, () => 1))!;
        lun.BeforeWrite = (_, _) => throw new IOException("the write failed");
        await Assert.ThrowsAsync<IOException>(async () => await hold.DisposeAsync());
        await Assert.ThrowsAsync<IOException>(() => ours.ClearLeftBehindAsync(1));
        lun.BeforeWrite = null;
        Assert.Equal([3, 4], (await ours.ReadOwnAsync()).Active().Select(active => active.Slot));
        await ours.ClearLeftBehindAsync(1);
        Assert.Equal([4], (await ours.ReadOwnAsync()).Active().Select(active => active.Slot));
    }

    /// C8: a creation that the former life had under way stayed open for as long as the new one ran.
    [Fact]
    public async Task What_a_former_life_left_is_cleared_later_when_it_cannot_be_at_the_start()
    {
        var lun = await TestDomain.LunAsync();
        var domain = await PoolDomain.OpenAsync(lun);
        await new ActivationMaps(domain, 5, TestDomain.ThisMachine).SetAsync(7, ActivationMode.Working, 1);
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        lun.BeforeWrite = (_, _) => throw new IOException("the write failed");
        await Assert.ThrowsAsync<IOException>(() => ours.AdoptAsync(2));
        lun.BeforeWrite = null;
        Assert.Equal([7], (await ours.ReadOwnAsync()).Active().Select(active => active.Slot));
        await ours.ClearLeftBehindAsync(2);
        Assert.Empty((await ours.ReadOwnAsync()).Active());
    }

    [Fact]
    public async Task Many_changes_at_once_all_arrive_although_they_share_a_sector()
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        var ours = new ActivationMaps(domain, 5, TestDomain.ThisMachine);
        await Task.WhenAll(Enumerable.Range(1, 200).Select(slot => Task.Run(() => ours.SetAsync(slot, ActivationMode.ReadWrite, 1))));
        Assert.Equal(Enumerable.Range(1, 200), (await ours.ReadOwnAsync()).Active().Select(active => active.Slot));
    }

    /// <summary>Garbage in the first sector of a host's map.</summary>
    internal static long Damage(MemoryLun lun, PoolDomain domain, int host)
    {
        var spm = domain.Group.Find("spm")!.Segments[0].Areas[0];
        var at = domain.Group.PhysicalVolumes[0].ExtentStartBytes + spm.StartExtent * domain.Group.ExtentSizeBytes + domain.Layout.MapOffsetBytes(host, 0);
        lun.Poke(at + 20, [0xFF, 0xEE, 0xDD]);
        return at;
    }
}
