using FsCheck.Fluent;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Tests;

public class GrowthPolicyTests
{
    private const long GiB = 1L << 30;
    private const long MiB = 1L << 20;
    private static readonly TimeSpan TenMilliseconds = TimeSpan.FromMilliseconds(10);

    [Fact]
    public void The_worked_example_of_the_documentation_holds()
    {
        var step = GrowthPolicy.Default.Next(GiB, 11 * GiB, 400.0 * MiB, TenMilliseconds);
        Assert.Equal(1536 * MiB, step.TargetBytes);
        Assert.Equal(1536 * MiB - 64 * MiB, step.ThresholdBytes);
        Assert.Equal(1024 * MiB + 128 * MiB, GrowthPolicy.Default.Next(GiB, 11 * GiB, 0, TimeSpan.Zero).TargetBytes);
    }

    [Theory]
    [InlineData(10 * GiB, 128 * MiB)]
    [InlineData(1 * MiB, 128 * MiB)]
    public void Ours_begins_with_one_extent(long capacity, long initial) => Assert.Equal(initial, GrowthPolicy.Default.Initial(capacity));

    [Theory]
    [InlineData(10 * GiB, 2560 * MiB)]
    [InlineData(1 * GiB, 1 * GiB)]
    [InlineData(1 * MiB, 128 * MiB)]
    public void Ovirts_begins_with_a_chunk_or_the_whole_disk(long capacity, long initial) => Assert.Equal(initial, GrowthPolicy.Ovirt.Initial(capacity));

    [Fact]
    public void Ovirts_grows_by_2560_MiB_and_asks_at_2048_MiB_whatever_is_measured()
    {
        foreach (var rate in new double[] { 0, 1e6, 1e9, 1e12 })
        {
            var step = GrowthPolicy.Ovirt.Next(2560 * MiB, 110 * GiB, rate, TimeSpan.FromSeconds(3));
            Assert.Equal(5120 * MiB, step.TargetBytes);
            Assert.Equal(5120 * MiB - 2048 * MiB, step.ThresholdBytes);
        }
    }

    [Fact]
    public void A_slow_extend_raises_the_watermark()
    {
        // 400 MiB/s for 1.25 s are 500 MiB; four times that is the watermark.
        Assert.Equal(2000 * MiB, GrowthPolicy.Default.WatermarkBytes(400.0 * MiB, TimeSpan.FromSeconds(1.25)));
    }

    [Fact]
    public void A_chunk_adds_at_least_a_watermark_so_that_one_answer_is_enough()
    {
        // 400 MiB/s and one whole second: the watermark is 1600 MiB, a second of writing only 400.
        var step = GrowthPolicy.Default.Next(10 * GiB, 110 * GiB, 400.0 * MiB, TimeSpan.FromSeconds(1));
        Assert.Equal(10 * GiB + 1664 * MiB, step.TargetBytes);
        Assert.Equal(10 * GiB + 64 * MiB, step.ThresholdBytes);
    }

    [Fact]
    public void At_the_maximum_there_is_no_threshold()
    {
        var step = GrowthPolicy.Default.Next(11 * GiB - 128 * MiB, 11 * GiB, 0, TimeSpan.Zero);
        Assert.Equal(new GrowthStep(11 * GiB, null), step);
        Assert.Equal(step, GrowthPolicy.Default.Next(11 * GiB, 11 * GiB, 1e9, TenMilliseconds));
    }

    [Fact]
    public void A_volume_larger_than_the_maximum_is_never_shrunk() =>
        Assert.Equal(new GrowthStep(20 * GiB, null), GrowthPolicy.Default.Next(20 * GiB, 11 * GiB, 0, TimeSpan.Zero));

    [Fact]
    public void A_guest_that_is_far_ahead_gets_room_for_what_it_wrote()
    {
        var step = GrowthPolicy.Default.Next(GiB, 110 * GiB, 0, TimeSpan.Zero, writtenBytes: 5 * GiB);
        Assert.True(step.TargetBytes > 5 * GiB);
        Assert.True(step.ThresholdBytes >= 5 * GiB);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(-1)]
    [InlineData(double.MaxValue)]
    public void A_measurement_that_cannot_be_true_does_no_harm(double rate)
    {
        var step = GrowthPolicy.Default.Next(GiB, 110 * GiB, rate, TimeSpan.MaxValue, long.MaxValue);
        Assert.Equal(new GrowthStep(110 * GiB, null), step);
        step = GrowthPolicy.Default.Next(GiB, 110 * GiB, rate, TimeSpan.MinValue);
        Assert.InRange(step.TargetBytes, GiB + 128 * MiB, GiB + 2560 * MiB);
    }

    [Fact]
    public void The_arithmetic_shows_every_figure_of_the_worked_example()
    {
        var weighed = GrowthPolicy.Default.Weigh(400.0 * MiB, TenMilliseconds);
        Assert.Equal((16 * MiB, 64 * MiB, 64 * MiB), (weighed.AwaitedBytes, weighed.MinimumWatermarkBytes, weighed.WatermarkBytes));
        Assert.Equal((400 * MiB, 128 * MiB, 512 * MiB), (weighed.LastingBytes, weighed.MinimumChunkBytes, weighed.ChunkBytes));
        Assert.True(weighed.IsMeasured);
        Assert.Equal((64 * MiB, 128 * MiB, false), GrowthPolicy.Default.Weigh(0, TimeSpan.Zero) is var idle ? (idle.WatermarkBytes, idle.ChunkBytes, idle.IsMeasured) : default);
    }

    [Fact]
    public void Watermark_and_chunk_never_fall_below_the_configured_ones_never_pass_the_limit_and_only_grow_with_rate_and_latency() =>
        Forall.Of(
            from rate in Gen.Choose(-10, 10_000_000)
            from latency in Gen.Choose(-5, 200_000)
            from more in Gen.Choose(0, 1_000_000)
            from ovirt in Gen.Elements(true, false)
            select (rate * (double)MiB / 1000, TimeSpan.FromMilliseconds(latency), more, ovirt),
            input =>
            {
                var (rate, latency, more, ovirt) = input;
                var policy = ovirt ? GrowthPolicy.Ovirt : GrowthPolicy.Default;
                var weighed = policy.Weigh(rate, latency);
                var idle = policy.Weigh(0, TimeSpan.Zero);
                Assert.InRange(weighed.WatermarkBytes, idle.WatermarkBytes, policy.MaximumChunkBytes);
                Assert.InRange(weighed.ChunkBytes, Math.Max(idle.ChunkBytes, weighed.WatermarkBytes), policy.MaximumChunkBytes);
                Assert.Equal(0, weighed.ChunkBytes % policy.ExtentBytes);
                foreach (var worse in new[] { policy.Weigh(rate + (more * MiB / 1000.0), latency), policy.Weigh(rate, latency + TimeSpan.FromMilliseconds(more)) })
                {
                    Assert.True(worse.WatermarkBytes >= weighed.WatermarkBytes && worse.ChunkBytes >= weighed.ChunkBytes);
                }
            }, 3000);

    /// A guest that writes at the measured rate must get through: simulated second by second against the policy's own answers.
    [Fact]
    public void A_guest_at_a_steady_rate_never_reaches_the_end() =>
        Forall.Of(
            from rate in Gen.Choose(1, 6000)
            from latency in Gen.Choose(1, 10)
            select (Rate: (double)rate * MiB, Latency: TimeSpan.FromMilliseconds(latency)),
            guest =>
            {
                var policy = GrowthPolicy.Default;
                var maximum = 500 * GiB;
                var size = policy.Initial(454 * GiB);
                var threshold = policy.ThresholdBytes(size, maximum, 0, TimeSpan.Zero);
                while (threshold is { } at)
                {
                    // The event fires when the guest passes the threshold; until the answer is in use it writes on.
                    var written = at + (long)(guest.Rate * guest.Latency.TotalSeconds);
                    Assert.True(written <= size, $"at {written} of {size}");
                    var step = policy.Next(size, maximum, guest.Rate, guest.Latency);
                    Assert.True(step.TargetBytes > size);
                    Assert.True(step.ThresholdBytes is null || step.ThresholdBytes >= written, "the new threshold lies behind the guest");
                    (size, threshold) = (step.TargetBytes, step.ThresholdBytes);
                }
            }, 200);

    [Fact]
    public void Every_step_is_whole_extents_grows_and_stays_within_the_maximum() =>
        Forall.Of(
            from capacity in Gen.Choose(1, 100_000)
            from share in Gen.Choose(0, 100)
            from rate in Gen.Choose(-10, 100_000)
            from latency in Gen.Choose(-5, 100_000)
            from written in Gen.Choose(-10, 200_000)
            from ovirt in Gen.Elements(true, false)
            select (capacity * MiB, share, rate * (double)MiB, TimeSpan.FromMilliseconds(latency), written * MiB, ovirt),
            input =>
            {
                var (capacity, share, rate, latency, written, ovirt) = input;
                var policy = ovirt ? GrowthPolicy.Ovirt : GrowthPolicy.Default;
                var maximum = CowSizes.MaximumBytes(capacity);
                var size = maximum / policy.ExtentBytes * share / 100 * policy.ExtentBytes;
                var step = policy.Next(size, maximum, rate, latency, written);
                Assert.Equal(0, step.TargetBytes % policy.ExtentBytes);
                Assert.InRange(step.TargetBytes, size, maximum);
                Assert.True(step.TargetBytes > size || size == maximum);
                Assert.Equal(step.TargetBytes == maximum, step.ThresholdBytes is null);
                Assert.True(step.ThresholdBytes is null || (step.ThresholdBytes >= 1 && step.ThresholdBytes < step.TargetBytes));
            }, 3000);
}
