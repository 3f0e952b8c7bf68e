using FsCheck.Fluent;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

public class VolumeCatalogueTests
{
    private const string First = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    private const string Second = "aaaaaaaa-bbbb-4ccc-8ddd-ffffffffffff";
    private const long GiB = 1L << 30;
    private static readonly VolumeSlot Slot = VolumeSlotTests.Golden;
    private static readonly string[] GoodTags = ["MD_1", "PU_00000000-0000-0000-0000-000000000000", "IU_cccccccc-0000-4000-8000-000000000001"];

    private static SlotReading Reading(int number, VolumeSlot slot, SlotRecord? record = null)
    {
        var bytes = new byte[8192];
        VolumeSlotTests.TextOf(slot).CopyTo(bytes, 0);
        record?.Format(bytes.AsSpan(512, 512));
        return SlotReading.Read(number, bytes, Slot.Domain);
    }

    private static VolumeInfo Join(string[] tags, VolumeSlot? slot, long size = GiB, string name = First, SlotRecord? record = null) =>
        VolumeCatalogue.Join(Slot.Domain, [new VolumeFacts(name, tags, size)], number => slot is null ? null : Reading(number, slot, record))[0];

    private static void AssertOnly(VolumeProblemKind kind, VolumeInfo info)
    {
        Assert.Equal([kind], info.Problems.Select(problem => problem.Kind));
        Assert.All(info.Problems, problem => Assert.True(problem.Text.Length > 15));
    }

    [Fact]
    public void A_healthy_volume_has_no_problems_and_may_be_used()
    {
        var info = Join(GoodTags, Slot);
        Assert.Empty(info.Problems);
        Assert.True(info.IsUsable);
        Assert.Equal(("d1", Guid.Parse(First), GiB), (info.Alias, info.Uuid, info.AllocatedBytes));
    }

    [Fact]
    public void Special_volumes_are_not_volumes() =>
        Assert.Empty(VolumeCatalogue.Join(Slot.Domain, [new VolumeFacts("leases", [], 2 * GiB), new VolumeFacts("spm", [], GiB)], _ => null));

    [Fact]
    public void An_LV_of_somebody_else_is_reported_and_not_used()
    {
        var info = Join([], null, name: "root");
        Assert.True(info.Has(VolumeProblemKind.NotAVolumeName));
        Assert.False(info.IsUsable);
    }

    [Fact]
    public void Whatever_contradicts_is_listed()
    {
        AssertOnly(VolumeProblemKind.WrongTag, Join([.. GoodTags, "MD_5000"], Slot));
        AssertOnly(VolumeProblemKind.WrongTag, Join([.. GoodTags, "MD_2"], Slot));
        AssertOnly(VolumeProblemKind.MissingTag, Join(GoodTags[..2], Slot));
        AssertOnly(VolumeProblemKind.UnreadableSlot, Join(GoodTags, null));
        AssertOnly(VolumeProblemKind.SlotOfAnother, Join(GoodTags, Slot with { Image = Guid.Parse(First) }));
        AssertOnly(VolumeProblemKind.SlotOfAnother, Join(GoodTags, Slot with { Domain = Guid.Parse(First) }));
        AssertOnly(VolumeProblemKind.Illegal, Join(GoodTags, Slot with { Legality = VolumeLegality.Illegal }));
        AssertOnly(VolumeProblemKind.SizeMismatch, Join(GoodTags, Slot, size: 12 * GiB));
        AssertOnly(VolumeProblemKind.SizeMismatch, Join(GoodTags, Slot with { Format = VolumeFormat.Raw }, size: GiB));
        Assert.Empty(Join(GoodTags, Slot with { Format = VolumeFormat.Raw }, size: 10 * GiB).Problems);
    }

    [Fact]
    public void A_record_beside_the_slot_is_heard()
    {
        var text = VolumeSlotTests.TextOf(Slot);
        var record = SlotRecord.For(1, Guid.Parse(First), Slot.Domain, text, new byte[512]);
        Assert.Empty(Join(GoodTags, Slot, record: record).Problems);
        AssertOnly(VolumeProblemKind.SlotOfAnother, Join(GoodTags, Slot, record: record with { Volume = Guid.Parse(Second) }));
        AssertOnly(VolumeProblemKind.RecordContradicts, Join(GoodTags, Slot, record: record with { TextChecksum = 1 }));
        AssertOnly(VolumeProblemKind.RecordContradicts, Join(GoodTags, Slot, record: record with { Slot = 9 }));
        AssertOnly(VolumeProblemKind.ChangeNotFinished, Join(GoodTags, Slot, record: record with { TextChecksum = 1, PreviousTextChecksum = record.TextChecksum }));
    }

    /// The slot may hold a former volume's text until creation has ended.
    [Fact]
    public void A_volume_being_created_is_not_judged_by_its_slot()
    {
        var info = Join(["OVIRT_VOL_INITIALIZING", "MD_1"], Slot with { Image = Guid.Parse(Second) });
        AssertOnly(VolumeProblemKind.Initializing, info);
        Assert.False(info.IsUsable);
        Assert.Null(info.Slot);
    }

    [Fact]
    public void A_volume_being_removed_keeps_its_image_and_may_not_be_used()
    {
        var marked = VolumeTags.Parse(GoodTags, out _).Marked(RemovalMark.Remove)!;
        Assert.Contains("IU__remove_me_cccccccc-0000-4000-8000-000000000001", marked.ToTags());
        var info = Join([.. marked.ToTags()], Slot);
        AssertOnly(VolumeProblemKind.BeingRemoved, info);
        Assert.Equal(Slot.Image, info.Tags.Image);
        Assert.False(info.IsUsable);
    }

    [Fact]
    public void Two_volumes_in_one_slot_are_both_refused()
    {
        var all = VolumeCatalogue.Join(Slot.Domain, [new VolumeFacts(First, GoodTags, GiB), new VolumeFacts(Second, GoodTags, GiB)], number => Reading(number, Slot));
        Assert.All(all, info => AssertOnly(VolumeProblemKind.SharedSlot, info));
        Assert.All(all, info => Assert.False(info.IsUsable));
        Assert.Contains(Second, all[0].Problems[0].Text);
    }

    [Fact]
    public void After_a_merge_the_slot_names_the_parent_and_the_tag_is_stale()
    {
        string[] tags = ["MD_1", "PU_" + Second, GoodTags[2]];
        var all = VolumeCatalogue.Join(Slot.Domain, [new VolumeFacts(First, tags, GiB), new VolumeFacts(Second, [], GiB)], number => Reading(number, Slot));
        AssertOnly(VolumeProblemKind.ParentsDiffer, all[0]);
        Assert.Equal(Guid.Empty, all[0].Parent);
        Assert.True(all[0].IsUsable);
    }

    [Fact]
    public void A_parent_that_is_not_there_breaks_the_chain()
    {
        string[] tags = ["MD_1", "PU_" + Second, GoodTags[2]];
        AssertOnly(VolumeProblemKind.MissingParent, Join(tags, Slot with { Parent = Guid.Parse(Second) }));
    }

    [Fact]
    public void Slots_are_taken_by_whatever_names_them() =>
        Assert.Equal([1, 2, 3], VolumeCatalogue.TakenSlots(
            [new VolumeFacts(First, GoodTags, 1), new VolumeFacts(Second, ["MD_2", "OVIRT_VOL_INITIALIZING"], 1), new VolumeFacts("x", ["MD_3"], 1), new VolumeFacts("y", ["MD_x"], 1)]));

    [Fact]
    public void Tags_read_back_and_those_of_others_survive() =>
        Forall.Of(
            from image in Forall.Uuid
            from parent in Forall.Uuid
            from slot in Gen.Choose(1, 1947)
            from initializing in Gen.Elements(true, false)
            from removal in Gen.Elements(Enum.GetValues<RemovalMark>())
            from others in Forall.Word(12).Select(word => "x" + word).ArrayOf()
            select new VolumeTags(image, parent, slot, initializing, removal, new([.. others])),
            tags =>
            {
                Assert.Equal(tags, VolumeTags.Parse(tags.ToTags(), out var wrong));
                Assert.Empty(wrong);
                Assert.All(tags.ToTags(), tag => Assert.Matches("^[A-Za-z0-9_+.\\-/=!:&#]+$", tag));
            });

    [Theory]
    [InlineData("IU_")]
    [InlineData("IU_nobody")]
    [InlineData("IU__remove_me_")]
    [InlineData("IU__remove_me_ZERO_nobody")]
    [InlineData("IU__remove_you_cccccccc-0000-4000-8000-000000000001")]
    [InlineData("PU_")]
    [InlineData("MD_")]
    [InlineData("MD_0")]
    [InlineData("MD_1948")]
    [InlineData("MD_-1")]
    [InlineData("MD_+1")]
    [InlineData("MD_99999999999999")]
    public void A_malformed_tag_is_named(string tag)
    {
        VolumeTags.Parse(["other", tag], out var wrong);
        Assert.Equal([tag], wrong);
    }
}
