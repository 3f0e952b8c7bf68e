using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.SpmNode.Tests.Demo;

public sealed class PatternDataTests
{
    static readonly PatternData pattern = new(new Guid("11111111-2222-4333-8444-555555555555"));

    [Fact]
    public void What_was_written_in_pieces_reads_back_as_a_whole()
    {
        var whole = new byte[1 << 16];
        for (var at = 0; at < whole.Length; at += 4096)
        {
            pattern.Fill((1L << 33) + at, whole.AsSpan(at, 4096));
        }
        Assert.Equal(-1, pattern.FirstWrong(1L << 33, whole));
    }

    [Fact]
    public void Every_single_flipped_bit_is_noticed_at_its_place()
    {
        var cells = new byte[64];
        for (var bit = 0; bit < cells.Length * 8; bit++)
        {
            pattern.Fill(4096, cells);
            cells[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(bit / 8 / PatternData.CellBytes * PatternData.CellBytes, pattern.FirstWrong(4096, cells));
        }
    }

    [Fact]
    public void Bytes_of_another_place_or_another_volume_are_noticed()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<(uint Here, uint There, Guid Other)>(), sample =>
        {
            var (here, there) = (sample.Here * 16L, sample.There * 16L);
            var found = new byte[16];
            pattern.Fill(there, found);
            var misplaced = pattern.FirstWrong(here, found);
            new PatternData(sample.Other).Fill(here, found);
            return misplaced == (here == there ? -1 : 0) && pattern.FirstWrong(here, found) == 0;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Zeros_are_never_the_pattern_and_a_misplaced_cell_is_named()
    {
        var cell = new byte[16];
        Assert.Equal(0, pattern.FirstWrong(0, cell));
        Assert.Equal("zeros", pattern.Describe(cell));
        pattern.Fill(123 * 16, cell);
        Assert.Equal("what belongs at offset 1968", pattern.Describe(cell));
    }

    /// A slow generator would pace the guests and hide what the storage can do. The floor is far below what is measured
    /// (several GB/s), so that a busy machine does not fail it.
    [Fact]
    public void Filling_and_checking_are_faster_than_the_storage()
    {
        var buffer = new byte[1 << 20];
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < 50; round++)
        {
            var began = Stopwatch.GetTimestamp();
            pattern.Fill(round * (1L << 20), buffer);
            Assert.Equal(-1, pattern.FirstWrong(round * (1L << 20), buffer));
            best = TimeSpan.FromTicks(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
        }
        Assert.True(best < TimeSpan.FromMilliseconds(2), $"1 MiB took {best.TotalMilliseconds} ms");
        TestContext.Current.SendDiagnosticMessage($"fill + check: {2 / best.TotalSeconds / 1024:0.0} GiB/s");
    }

    [Theory]
    [InlineData(8, 16)]
    [InlineData(-16, 16)]
    [InlineData(0, 15)]
    public void Half_a_cell_is_refused(long offset, int length) =>
        Assert.Throws<ArgumentException>(() => pattern.Fill(offset, new byte[length]));
}
