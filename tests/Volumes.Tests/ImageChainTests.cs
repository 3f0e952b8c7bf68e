using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

public class ImageChainTests
{
    private const long GiB = 1L << 30;
    private static readonly VolumeSlot Slot = VolumeSlotTests.Golden;

    private static Guid Id(int number) => new(number, 0, 0, new byte[8]);

    /// A domain in which volume i has the parent given, 0 for none; the format is cow unless named raw.
    private static VolumeInfo[] Domain(int[] parents, params int[] raw)
    {
        var slots = parents.Select((parent, i) => Slot with
        {
            Parent = parent == 0 ? Guid.Empty : Id(parent),
            Format = raw.Contains(i + 1) ? VolumeFormat.Raw : VolumeFormat.Cow,
            CapacityBytes = GiB,
        }).ToArray();
        return
        [
            .. VolumeCatalogue.Join(
                Slot.Domain,
                slots.Select((slot, i) => new VolumeFacts(Id(i + 1).ToString(), [.. VolumeTags.Finished(Slot.Image, slot.Parent, i + 1).ToTags()], GiB)),
                number =>
                {
                    var bytes = new byte[8192];
                    VolumeSlotTests.TextOf(slots[number - 1]).CopyTo(bytes, 0);
                    return SlotReading.Read(number, bytes, Slot.Domain);
                }),
        ];
    }

    private static ImageChain Of(VolumeInfo[] domain, int volume) => ImageChain.Of(domain[volume - 1], uuid => domain.FirstOrDefault(v => v.Uuid == uuid));

    [Fact]
    public void A_chain_is_told_from_the_leaf_to_its_base()
    {
        var domain = Domain([0, 1, 2, 1], raw: 1);
        Assert.Equal([Id(3), Id(2), Id(1)], Assert.IsType<ImageChain.Whole>(Of(domain, 3)).Volumes.Select(volume => volume.Uuid));
        Assert.Equal([Id(1)], Assert.IsType<ImageChain.Whole>(Of(domain, 1)).Volumes.Select(volume => volume.Uuid));
        Assert.Equal([Id(2), Id(4)], ImageChain.ChildrenOf(Id(1), domain).Select(volume => volume.Uuid));
        Assert.All(domain, volume => Assert.True(volume.IsUsable));
    }

    [Theory]
    [InlineData(new[] { 1 })]
    [InlineData(new[] { 2, 1 })]
    [InlineData(new[] { 2, 3, 1, 1 })]
    public void A_loop_is_found_and_nothing_on_it_is_used(int[] parents)
    {
        var domain = Domain(parents);
        Assert.All(domain, volume => Assert.True(volume.Has(VolumeProblemKind.ChainLoop), volume.Name));
        Assert.All(domain, volume => Assert.False(volume.IsUsable));
    }

    [Fact]
    public void A_parent_that_is_missing_further_down_is_told_at_every_volume_above()
    {
        var domain = Domain([9, 1, 2, 0]);
        Assert.Equal([true, true, true, false], domain.Select(volume => volume.Has(VolumeProblemKind.MissingParent)));
        Assert.All(domain, volume => Assert.True(volume.Problems.Count <= 1));
    }

    [Fact]
    public void A_raw_volume_has_no_parent()
    {
        var domain = Domain([0, 1, 2], raw: 2);
        Assert.Equal([false, true, true], domain.Select(volume => volume.Has(VolumeProblemKind.ChainBroken)));
    }

    [Fact]
    public void The_longest_chain_opens_and_one_more_does_not()
    {
        var domain = Domain([.. Enumerable.Range(0, ImageChain.LongestChain + 1)]);
        Assert.IsType<ImageChain.Whole>(Of(domain, ImageChain.LongestChain));
        Assert.Equal(VolumeProblemKind.ChainTooLong, Assert.IsType<ImageChain.Broken>(Of(domain, ImageChain.LongestChain + 1)).Kind);
    }

    [Fact]
    public void Two_names_of_one_uuid_do_not_stop_the_others()
    {
        var upper = Guid.NewGuid().ToString().ToUpperInvariant();
        var all = VolumeCatalogue.Join(
            Slot.Domain,
            [new VolumeFacts(upper, ["PU_" + Id(7)], 1), new VolumeFacts(upper.ToLowerInvariant(), ["PU_" + Id(7)], 1)],
            _ => null);
        Assert.All(all, volume => Assert.True(volume.Has(VolumeProblemKind.MissingParent)));
    }
}
