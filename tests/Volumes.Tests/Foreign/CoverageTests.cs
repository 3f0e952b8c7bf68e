using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Volumes.Tests.Foreign;

public sealed class CoverageTests
{
    [Fact]
    public void It_says_what_a_bit_for_every_byte_says()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var size = random.Next(1, 60);
            var (coverage, bits) = (new Coverage(size), new bool[size]);
            for (var step = 0; step < 40; step++)
            {
                var from = random.Next(size);
                var length = random.Next(0, size - from + 1);
                var comes = random.Next(3) > 0;
                if (comes)
                {
                    coverage.Add(from, length);
                }
                else
                {
                    coverage.Remove(from, length);
                }
                bits.AsSpan(from, length).Fill(comes);
                Assert.Equal(bits.Count(bit => bit), coverage.CoveredBytes);
                Assert.Equal(bits.All(bit => bit), coverage.IsWhole);
                Assert.Equal(Gaps(bits), coverage.Missing(int.MaxValue));
                Assert.Equal(Gaps(bits).Take(2), coverage.Missing(2));
            }
        }
    }

    [Fact]
    public void Nothing_outside_of_the_disk_counts()
    {
        var coverage = new Coverage(100);
        foreach (var (offset, length) in new[] { (-1L, 1L), (0, 101), (100, 1), (50, -1), (long.MaxValue, 1), (1, long.MaxValue) })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => coverage.Add(offset, length));
        }
        coverage.Add(100, 0);
        Assert.Equal(0, coverage.CoveredBytes);
    }

    static List<(long, long)> Gaps(bool[] bits)
    {
        var gaps = new List<(long, long)>();
        for (var at = 0; at < bits.Length; at++)
        {
            if (!bits[at])
            {
                var from = at;
                while (at < bits.Length && !bits[at])
                {
                    at++;
                }
                gaps.Add((from, at - from));
            }
        }
        return gaps;
    }
}
