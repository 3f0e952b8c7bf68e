using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class VolumeCreationTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    static readonly Guid volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    [Fact]
    public async Task A_crash_at_any_write_leaves_nothing_a_marked_leftover_or_the_finished_volume()
    {
        var begun = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var before = begun.Lun.Writes;
        await begun.Creation.CreateAsync(TestTerm.Request(volume));
        var writes = begun.Lun.Writes - before;
        Assert.InRange(writes, 12, 40);
        var seen = new HashSet<string>();
        for (var after = 0; after <= writes; after++)
        {
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
            term.Lun.DiesAfter = term.Lun.Writes + after;
            var ending = await Record.ExceptionAsync(() => term.Creation.CreateAsync(TestTerm.Request(volume)).WaitAsync(Patience));
            Assert.True(ending is null or Refusal or IOException, $"{ending}");
            Assert.Equal(after == writes, ending is null);

            var disk = term.Lun.Copy();
            var found = await TestDomain.VolumesAsync(disk);
            var state = found.Count == 0 ? "none" : Assert.Single(found).State;
            Assert.Contains(state, (string[])["none", "initializing", "ready"]);
            seen.Add(state);
            if (state == "ready")
            {
                await WholeAsync(disk, $"after {after} of {writes} writes");
            }
            await AgainAsync(disk, $"after {after} of {writes} writes");
        }
        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public async Task Asking_twice_makes_one_volume_and_another_size_under_its_uuid_is_refused()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var first = await term.Creation.CreateAsync(TestTerm.Request(volume));
        var writes = term.Lun.Writes;
        Assert.Equal(first, await term.Creation.CreateAsync(TestTerm.Request(volume)));
        Assert.Equal(writes, term.Lun.Writes);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 2L << 30)));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
    }

    [Fact]
    public async Task A_volume_that_is_there_is_not_confirmed_after_the_deadline()
    {
        var holds = true;
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(), holds: () => holds);
        await term.Creation.CreateAsync(TestTerm.Request(volume));
        holds = false;
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(TestTerm.Request(volume)));
        Assert.Equal(RefusalCode.NotLeader, refusal.Code);
    }

    [Fact]
    public async Task While_a_volume_is_created_its_slot_cannot_be_taken_for_an_activation()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var taken = new List<bool>();
        term.Lun.BeforeWrite = (_, _) =>
        {
            var free = term.Maps.TryHold(SlotGeometry.FirstSlot);
            if (free)
            {
                term.Maps.Release(SlotGeometry.FirstSlot);
            }
            taken.Add(!free);
            return Task.CompletedTask;
        };
        await term.Creation.CreateAsync(TestTerm.Request(volume));
        Assert.All(taken, Assert.True);
        term.Lun.BeforeWrite = null;
        Assert.True(term.Maps.TryHold(SlotGeometry.FirstSlot));
    }

    [Theory]
    [InlineData("no uuid", "cow", 1L << 30, "uuid")]
    [InlineData(null, "cow", 1L << 30, "uuid")]
    [InlineData("00000000-0000-0000-0000-000000000000", "cow", 1L << 30, "uuid")]
    [InlineData("eeeeeeee-0000-0000-0000-000000000001", "vmdk", 1L << 30, "vmdk")]
    [InlineData("eeeeeeee-0000-0000-0000-000000000001", null, 1L << 30, "format")]
    [InlineData("eeeeeeee-0000-0000-0000-000000000001", "cow", 0, "size")]
    [InlineData("eeeeeeee-0000-0000-0000-000000000001", "cow", -5, "size")]
    [InlineData("eeeeeeee-0000-0000-0000-000000000001", "raw", long.MaxValue, "size")]
    public async Task Bad_requests_are_refused_before_anything_is_written(string? uuid, string? format, long bytes, string word)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var writes = term.Lun.Writes;
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(new(uuid!, null, bytes, format!, null, true)));
        Assert.Equal(RefusalCode.Invalid, refusal.Code);
        Assert.Contains(word, refusal.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(writes, term.Lun.Writes);
    }

    [Fact]
    public async Task A_pool_without_room_refuses_and_nothing_is_left()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(TestTerm.Request(volume, "raw", 100L << 30)));
        Assert.Equal(RefusalCode.NoSpace, refusal.Code);
        Assert.Empty(await TestDomain.VolumesAsync(term.Lun));
        Assert.True((await term.Maps.ReadOwnAsync()).IsIdle);
    }

    /// <summary>A successor on the same machine makes the same volume, and everything about it is whole.</summary>
    static async Task AgainAsync(MemoryLun disk, string when)
    {
        var next = await TestDomain.LeadAsync(disk, epoch: 3);
        await next.Maps.AdoptAsync(2);
        await next.Creation.CreateAsync(TestTerm.Request(volume)).WaitAsync(Patience);
        await WholeAsync(disk, when);
        Assert.True((await next.Maps.ReadOwnAsync()).IsIdle, when);
    }

    static async Task WholeAsync(MemoryLun disk, string when)
    {
        var domain = await PoolDomain.OpenAsync(disk);
        var view = await DomainView.ReadAsync(domain, domain.Group);
        var made = Assert.Single(view.Volumes);
        Assert.True(made.IsUsable && made.Problems.Count == 0, $"{when}: {string.Join("; ", made.Problems)}");
        Assert.Equal((1L << 30, "disk"), (made.Slot!.CapacityBytes, made.Alias));
        var start = VolumeExtension.Segments(domain.Group, domain.Group.Find(made.Name)!)[0].PvOffsetBytes;
        Assert.Equal(MarkingImager.Mark, disk.Peek(start, MarkingImager.Mark.Length));
        var lease = new byte[512];
        await domain.Leases.ReadAsync(SlotGeometry.LeaseOffsetBytes(made.Tags.Slot!.Value), lease);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.Resource, lease, out var leader));
        Assert.Equal(made.Name, leader!.Resource.ToString());
    }
}
