using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Storage;

public sealed class SlotStoreTests
{
    static readonly Guid volume = Guid.Parse("dddddddd-0000-0000-0000-000000000001");

    [Theory]
    [InlineData(0, 1L << 30, SlotAgreement.Agrees)]
    [InlineData(1, 1L << 30, SlotAgreement.AgreesWithPrevious)]
    [InlineData(2, 2L << 30, SlotAgreement.Agrees)]
    public async Task A_write_torn_at_any_sector_leaves_the_old_or_the_new_text_and_a_record_that_knows_it(int after, long capacity, SlotAgreement agreement)
    {
        var lun = new MemoryLun(64 << 20);
        await Store(lun).WriteAsync(7, volume, Text(1L << 30));
        var dying = lun.OpenAgain();
        dying.DiesAfter = after;
        var write = Store(dying).WriteAsync(7, volume, Text(2L << 30));
        if (after < 2)
        {
            await Assert.ThrowsAsync<IOException>(() => write);
        }
        else
        {
            await write;
        }
        var read = await Store(lun.OpenAgain()).ReadAsync(7);
        Assert.Equal((SlotError.None, capacity, agreement), (read.Error, read.Slot!.CapacityBytes, read.Agreement));
    }

    [Fact]
    public async Task Neighbours_are_not_touched_and_many_are_read_together()
    {
        var lun = new MemoryLun(64 << 20);
        foreach (var slot in (int[])[1, 2, 3, 127, 128, 129, 1900])
        {
            await Store(lun).WriteAsync(slot, volume, Text(slot << 20));
        }
        var read = await Store(lun).ReadAsync([1, 2, 3, 4, 127, 128, 129, 1900]);
        Assert.Equal(SlotError.None, read[1900].Error);
        Assert.All(read.Where(pair => pair.Key != 4), pair => Assert.Equal((long)pair.Key << 20, pair.Value.Slot!.CapacityBytes));
        Assert.Null(read[4].Slot);
    }

    [Fact]
    public async Task A_description_that_does_not_fit_is_refused_and_the_old_text_stays()
    {
        var lun = new MemoryLun(64 << 20);
        await Store(lun).WriteAsync(7, volume, Text(1L << 30));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => Store(lun).WriteAsync(7, volume, Text(2L << 30) with { Description = new string('x', 600) }));
        Assert.Equal(RefusalCode.Invalid, refusal.Code);
        Assert.Equal(1L << 30, (await Store(lun).ReadAsync(7)).Slot!.CapacityBytes);
    }

    static SlotStore Store(ILun lun) => new(lun.Window(0, lun.SizeBytes), TestDomain.Uuid);

    static VolumeSlot Text(long capacity) => new()
    {
        CapacityBytes = capacity, CreatedUnixSeconds = 1, Domain = TestDomain.Uuid, Image = volume,
        Format = VolumeFormat.Cow, Allocation = VolumeAllocation.Sparse,
    };
}
