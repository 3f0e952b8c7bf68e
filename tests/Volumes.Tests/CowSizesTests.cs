using FsCheck.Fluent;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Tests;

public class CowSizesTests
{
    private const long GiB = 1L << 30;
    private const long MiB = 1L << 20;

    [Theory]
    [InlineData(1, 1.125)]
    [InlineData(2, 2.25)]
    [InlineData(10, 11)]
    [InlineData(22, 24.25)]
    [InlineData(100, 110)]
    [InlineData(8192, 9011.25)]
    public void The_maximum_is_the_one_measured_with_ovirts_own_code(long capacityGiB, double maximumGiB) =>
        Assert.Equal((long)(maximumGiB * GiB), CowSizes.MaximumBytes(capacityGiB * GiB));

    [Fact]
    public void Five_gibibytes_of_content_want_seven_and_a_half_as_a_leaf_and_five_inside_a_chain()
    {
        Assert.Equal(5 * GiB + 2560 * MiB, CowSizes.OptimalBytes(5 * GiB, 100 * GiB, isLeaf: true));
        Assert.Equal(5 * GiB, CowSizes.OptimalBytes(5 * GiB, 100 * GiB, isLeaf: false));
    }

    [Fact]
    public void The_optimal_size_is_capped_at_the_maximum() =>
        Assert.Equal(CowSizes.MaximumBytes(6 * GiB), CowSizes.OptimalBytes(6 * GiB, 6 * GiB, isLeaf: true));

    [Theory]
    [InlineData(1, 4096)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 8192)]
    public void Capacities_are_rounded_up_to_4_KiB(long asked, long got) => Assert.Equal(got, CowSizes.RoundCapacity(asked));

    [Theory]
    [InlineData(1, 128 * MiB)]
    [InlineData(128 * MiB, 128 * MiB)]
    [InlineData(128 * MiB + 1, 256 * MiB)]
    public void A_raw_volume_is_whole_extents(long asked, long got) => Assert.Equal(got, CowSizes.RawBytes(asked));

    [Fact]
    public void The_maximum_agrees_with_the_slow_exact_computation() =>
        Forall.Of(Forall.Number.Select(number => (long)(number % (ulong)CowSizes.LargestCapacityBytes)), capacity =>
        {
            var extent = (UInt128)(128 * MiB);
            var exact = ((UInt128)capacity * 11 + 9) / 10;
            Assert.Equal((exact + extent - 1) / extent * extent, (UInt128)CowSizes.MaximumBytes(capacity));
        });

    [Fact]
    public void Sizes_that_no_check_let_through_are_a_fault_of_the_caller()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => CowSizes.MaximumBytes(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => CowSizes.MaximumBytes(long.MaxValue));
    }
}
