using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Tests.Activation;

public class SegmentTableTests
{
    readonly MemoryDevice device = new(1 << 20);

    [Fact]
    public void Neighbouring_segments_are_one()
    {
        var table = new SegmentTable([new(device, 1024, 512), new(device, 1536, 512), new(device, 0, 512)], 1, 1);
        Assert.Equal([new VolumeSegment(device, 1024, 1024), new(device, 0, 512)], table.Segments);
        Assert.Equal(1536, table.AllocatedBytes);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-512, 512)]
    [InlineData(1, 512)]
    [InlineData(0, 513)]
    [InlineData(1 << 20, 512)]
    [InlineData(long.MaxValue - 511, 512)]
    public void A_segment_that_is_not_whole_sectors_inside_its_device_is_refused(long offset, long length) =>
        Assert.Throws<ArgumentException>(() => new SegmentTable([new(device, offset, length)], 1, 1));

    [Fact]
    public void Segments_that_share_bytes_are_refused() =>
        Assert.Throws<ArgumentException>(() => new SegmentTable([new(device, 0, 1024), new(device, 2048, 512), new(device, 512, 512)], 1, 1));

    [Fact]
    public void Locating_agrees_with_walking_sector_by_sector()
    {
        Prop.ForAll(Layouts(), Gen.Choose(0, 40).ToArbitrary(), Gen.Choose(0, 40).ToArbitrary(), (layout, from, count) =>
        {
            var table = new SegmentTable(layout, 1, 1);
            var sectors = layout.SelectMany(one => Enumerable.Range(0, (int)(one.LengthBytes / 512)).Select(i => one.DeviceOffsetBytes + 512L * i)).ToList();
            if (from + count > sectors.Count)
            {
                Assert.Throws<ArgumentOutOfRangeException>(() => table.Locate(from * 512L, count * 512L).ToList());
                return true;
            }

            var pieces = table.Locate(from * 512L, count * 512L).ToList();
            Assert.All(pieces, piece => Assert.True(table.Contains(piece)));
            return pieces.SelectMany(piece => Enumerable.Range(0, (int)(piece.LengthBytes / 512)).Select(i => piece.DeviceOffsetBytes + 512L * i))
                .SequenceEqual(sectors.Skip(from).Take(count));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_table_is_a_prefix_exactly_of_those_that_keep_its_bytes()
    {
        Prop.ForAll(Layouts(), Layouts(), (first, second) =>
        {
            var one = new SegmentTable(first, 1, 1);
            var two = new SegmentTable(second, 1, 1);
            var naive = Sectors(first).SequenceEqual(Sectors(second).Take(Sectors(first).Count()));
            var longer = new SegmentTable([.. first, new(device, 512 * 1024, 512)], 1, 1);
            return one.IsPrefixOf(two) == naive && one.IsPrefixOf(longer) && !longer.IsPrefixOf(one);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_piece_that_reaches_out_of_its_segment_is_not_contained()
    {
        var table = new SegmentTable([new(device, 4096, 1024), new(device, 8192, 512)], 1, 1);
        Assert.True(table.Contains(new(device, 4608, 512)));
        Assert.False(table.Contains(new(device, 4608, 1024)));
        Assert.False(table.Contains(new(device, 3584, 1024)));
        Assert.False(table.Contains(new(new MemoryDevice(1 << 20), 4096, 512)));
    }

    static IEnumerable<long> Sectors(IEnumerable<VolumeSegment> layout) =>
        layout.SelectMany(one => Enumerable.Range(0, (int)(one.LengthBytes / 512)).Select(i => one.DeviceOffsetBytes + 512L * i));

    /// <summary>Up to 6 segments of up to 4 sectors, each in its own slot of the device.</summary>
    Arbitrary<VolumeSegment[]> Layouts() =>
        (from slots in Gen.Shuffle(Enumerable.Range(0, 6).ToArray())
         from count in Gen.Choose(0, 6)
         from lengths in Gen.Choose(1, 4).ArrayOf(6)
         select slots.Take(count).Select((slot, i) => new VolumeSegment(device, slot * 2048L, lengths[i] * 512L)).ToArray()).ToArbitrary();
}
