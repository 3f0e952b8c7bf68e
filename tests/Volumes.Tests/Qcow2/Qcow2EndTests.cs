using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Tests.Qcow2;

public class Qcow2EndTests
{
    [Theory]
    [InlineData("plain", 262144, EndMethod.Refcounts)]
    [InlineData("busy", 503808, EndMethod.Refcounts)]
    [InlineData("extended", 229376, EndMethod.Refcounts)]
    [InlineData("dirty", 282624, EndMethod.Walk)]
    [InlineData("narrow", 44544, EndMethod.Refcounts)]
    public async Task The_end_is_the_one_QEMU_finds_and_takes_three_reads_where_refcounts_count(string name, long end, EndMethod method)
    {
        var image = MemoryImage.Fixture(name);
        var found = await Qcow2End.FindAsync(image);
        Assert.Equal((end, method, method == EndMethod.Walk), (found.EndOffset, found.Method, found.Dirty));
        Assert.Equal(image.Reads, found.Reads);
        if (method == EndMethod.Refcounts)
        {
            Assert.Equal(3, found.Reads);
        }
    }

    [Fact]
    public async Task The_corrupt_bit_means_that_refcounts_are_not_believed()
    {
        var found = await Qcow2End.FindAsync(MemoryImage.Fixture("busy").With64(72, 2));
        Assert.Equal((503808, EndMethod.Walk, false), (found.EndOffset, found.Method, found.Dirty));
    }

    /// A crash between a refcount and the file growing leaves a cluster counted that is not there. Nothing points to it.
    [Fact]
    public async Task A_cluster_counted_behind_the_end_of_the_file_does_not_move_the_end()
    {
        var image = MemoryImage.Fixture("plain");
        image.Bytes[0x20000 + (2 * 9000) + 1] = 1;
        var found = await Qcow2End.FindAsync(image);
        Assert.Equal((262144, EndMethod.Walk), (found.EndOffset, found.Method));
    }

    /// The last block that the table names may count nothing any more: after discards at the end of a large image.
    [Fact]
    public async Task An_empty_last_refcount_block_is_stepped_over()
    {
        var image = MemoryImage.Fixture("plain");
        var bytes = new byte[5 << 16];
        image.Bytes.CopyTo(bytes, 0);
        var longer = new MemoryImage(bytes).With64(0x10000 + (7 * 8), 4 << 16);
        longer.Bytes[0x20000 + (2 * 4) + 1] = 1;
        var found = await Qcow2End.FindAsync(longer);
        Assert.Equal((5 << 16, 4, EndMethod.Refcounts), (found.EndOffset, found.Reads, found.Method));
    }

    [Fact]
    public async Task An_image_that_was_cut_off_is_refused_with_both_numbers()
    {
        var busy = MemoryImage.Fixture("busy");
        var refused = await Assert.ThrowsAsync<Qcow2Refused>(async () => await Qcow2End.FindAsync(busy.CutTo(499744 - (4 * 4096))));
        Assert.Equal(Qcow2Fault.Truncated, refused.Fault);
    }

    [Theory]
    [InlineData(0, 8)]
    [InlineData(1, 8)]
    [InlineData(2, 3)]
    [InlineData(3, 8)]
    [InlineData(4, 5)]
    [InlineData(5, 8)]
    [InlineData(6, 8)]
    public void The_last_used_entry_of_a_block_is_the_one_a_slow_search_finds(int order, int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 300; round++)
        {
            var block = new byte[512];
            for (var i = random.Next(3); i > 0; i--)
            {
                block[random.Next(512)] = (byte)random.Next(256);
            }
            var entries = 512 * 8 >> order;
            var limit = random.Next(entries + 1);
            var slow = -1;
            for (var i = 0; i < limit; i++)
            {
                slow = Qcow2RefcountBlock.Get(block, order, i) != 0 ? i : slow;
            }
            Assert.Equal(slow, Qcow2RefcountBlock.LastUsed(block, order, limit));
        }
    }

    [Fact]
    public async Task A_check_counts_what_was_made_wrong()
    {
        Assert.Equal((0, 0), await DamageAsync(MemoryImage.Fixture("busy")));
        Assert.Equal((128, 0), await DamageAsync(MemoryImage.Fixture("dirty")));

        var leaky = MemoryImage.Fixture("plain");
        leaky.Bytes[0x20000 + 3] = 2; // the refcount table's own cluster, counted twice
        Assert.Equal((0, 1), await DamageAsync(leaky));
        var missing = MemoryImage.Fixture("plain");
        missing.Bytes[0x20000 + 3] = 0;
        Assert.Equal((1, 0), await DamageAsync(missing));
        Assert.Equal((1, 0), await DamageAsync(MemoryImage.Fixture("plain").With64(0x30000, 0x30200)));
    }

    static async Task<(long, long)> DamageAsync(MemoryImage image)
    {
        var check = await Qcow2Check.RunAsync(image);
        Assert.Equal(check.Corruptions + check.Leaks == 0, check.Findings.IsEmpty);
        return (check.Corruptions, check.Leaks);
    }
}
