using OvirtSpm.Node.Activation.Mapped;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

public class MapPlanTests
{
    static readonly MapTarget[] wanted = [new(0, 100, "linear", "8:0 2048"), new(100, 50, "linear", "8:16 0")];
    static readonly MapState right = new("vg-lv", "LVM-x", "253:0", 0, false, false, true, false, wanted);
    static readonly MapTarget[] elsewhere = [new(0, 100, "linear", "8:0 9999"), new(100, 50, "linear", "8:16 0")];

    [Fact]
    public void Nothing_there_is_made_and_what_is_right_is_kept_whoever_made_it()
    {
        Assert.IsType<MapPlan.Make>(Plan(null));
        Assert.IsType<MapPlan.Keep>(Plan(right));
        Assert.IsType<MapPlan.Keep>(Plan(right with { OpenCount = 3 }));
        // LVM has one line for each of its segments.
        Assert.IsType<MapPlan.Keep>(Plan(right with { Live = [new(0, 60, "linear", "8:0 2048"), new(60, 40, "linear", "8:0 2108"), wanted[1]] }));
    }

    [Fact]
    public void What_a_crash_left_is_mended()
    {
        Assert.IsType<MapPlan.Mend>(Plan(right with { HasLive = false, Live = [] }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { HasLive = false, Live = [], HasInactive = true }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { HasInactive = true, OpenCount = 1 }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { IsSuspended = true, OpenCount = 1 }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { Live = [wanted[0]], OpenCount = 1 }));
    }

    [Fact]
    public void Below_an_opener_bytes_stay_where_they_are()
    {
        Assert.IsType<MapPlan.Refuse>(Plan(right with { Live = elsewhere, OpenCount = 1 }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { Live = elsewhere }));
        Assert.IsType<MapPlan.Refuse>(Plan(right with { Live = [.. wanted, new(150, 1, "linear", "8:0 0")], OpenCount = 1 }));
        Assert.IsType<MapPlan.Refuse>(Plan(right with { Live = MapTable.Error(wanted), OpenCount = 1 }));
        Assert.IsType<MapPlan.Refuse>(Plan(right with { ReadOnly = true, OpenCount = 1 }));
        Assert.IsType<MapPlan.Mend>(Plan(right with { ReadOnly = true }));
        Assert.IsType<MapPlan.Refuse>(Plan(right with { Name = "renamed" }));
    }

    [Fact]
    public void A_prefix_ends_anywhere_in_its_last_piece_and_nowhere_else()
    {
        for (var length = 1; length <= 150; length++)
        {
            MapTarget[] shorter = length <= 100 ? [wanted[0] with { LengthSectors = length }] : [wanted[0], wanted[1] with { LengthSectors = length - 100 }];
            Assert.True(MapTable.IsPrefix(shorter, wanted));
            Assert.Equal(length == 150, MapTable.IsPrefix(wanted, shorter));
        }
        Assert.False(MapTable.IsPrefix([wanted[0] with { LengthSectors = 99 }, wanted[1] with { StartSector = 99 }], wanted));
        Assert.False(MapTable.IsPrefix([wanted[0], new(101, 1, "linear", "8:16 0")], wanted));
    }

    static MapPlan Plan(MapState? present) => MapPlan.For(present, "vg-lv", wanted, readOnly: false);
}
