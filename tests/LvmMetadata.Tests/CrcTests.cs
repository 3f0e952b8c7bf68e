using FsCheck;
using FsCheck.Fluent;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.OnDisk;

namespace LvmMetadata.Tests;

public sealed class CrcTests
{
    [Fact]
    public void The_check_values_are_those_of_lvm2()
    {
        Assert.Equal(0xF597A6CFu, LvmCrc.Compute([]));
        Assert.Equal(0x4991CF02u, LvmCrc.Compute("123456789"u8));
    }

    [Fact]
    public void All_three_ways_of_summing_agree_at_every_length_and_in_every_two_pieces()
    {
        var random = new Random(1);
        var data = new byte[5000];
        random.NextBytes(data);
        for (var length = 0; length < 700; length++)
        {
            var expected = Lvm2Model.Crc(data.AsSpan(0, length));
            Assert.Equal(expected, LvmCrc.Compute(data.AsSpan(0, length)));
            Assert.Equal(expected, LvmCrc.BySlices(data.AsSpan(0, length), LvmCrc.Start));
        }
        Prop.ForAll(
            Gen.Choose(0, 5000).Two().ToArbitrary(),
            cut => Assert.Equal(
                Lvm2Model.Crc(data.AsSpan(0, Math.Max(cut.Item1, cut.Item2))),
                LvmCrc.Compute(data.AsSpan(Math.Min(cut.Item1, cut.Item2), Math.Abs(cut.Item1 - cut.Item2)), LvmCrc.Compute(data.AsSpan(0, Math.Min(cut.Item1, cut.Item2))))))
            .QuickCheckThrowOnFailure();
    }
}
