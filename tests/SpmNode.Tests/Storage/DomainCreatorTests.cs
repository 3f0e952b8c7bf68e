using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Tests.Storage;

public sealed class DomainCreatorTests
{
    static readonly DomainOptions Options = new(TestDomain.Uuid, IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0);

    [Fact]
    public async Task A_crash_at_any_write_leaves_nothing_that_is_served_and_that_can_be_made_again()
    {
        var whole = new MemoryLun();
        await TestDomain.Creator(whole).CreateAsync(Options);
        Assert.InRange(whole.Writes, 20, 2000);
        for (var after = 0; after < whole.Writes; after++)
        {
            var lun = new MemoryLun { DiesAfter = after };
            await Assert.ThrowsAnyAsync<Exception>(() => TestDomain.Creator(lun).CreateAsync(Options));
            var left = lun.Copy();
            // The last commit has two headers: with the first of them durable the domain is ready, and it is whole.
            if (await OpensAsync(left))
            {
                Assert.True(after >= whole.Writes - 1, $"ready after {after} of {whole.Writes} writes");
                Assert.DoesNotContain((await DomainCheck.RunAsync(left)).Findings, finding => !finding.Ok && finding.Place != "metadata");
                continue;
            }
            if (after % 7 == 0)
            {
                await TestDomain.Creator(left).CreateAsync(Options with { Wipe = true });
                Assert.True((await DomainCheck.RunAsync(left)).Ok, $"again after {after} writes");
            }
        }
    }

    [Fact]
    public async Task A_LUN_with_something_on_it_is_refused_and_not_one_byte_is_written()
    {
        var lun = new MemoryLun();
        lun.Poke(1080, [0x53, 0xEF]);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => TestDomain.Creator(lun).CreateAsync(Options));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
        Assert.Contains("not empty", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, lun.Writes);
    }

    /// Whoever is at work there holds leases that cannot be read this way.
    [Fact]
    public async Task A_domain_of_another_sector_size_is_not_wiped()
    {
        var lun = new MemoryLun(sector: 4096);
        await TestDomain.Creator(lun).CreateAsync(Options);
        var other = lun.OpenAgain(512);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => TestDomain.Creator(other).CreateAsync(Options with { Wipe = true }));
        Assert.Contains("--sector-size 4096", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, other.Writes);
        Assert.True((await DomainCheck.RunAsync(lun)).Ok);
    }

    [Theory]
    [InlineData(0, 0, 128L << 20, "io timeout")]
    [InlineData(256, 0, 128L << 20, "io timeout")]
    [InlineData(10, -1, 128L << 20, "watchdog timeout")]
    [InlineData(10, 60, 100L << 20, "extent size")]
    [InlineData(10, 60, 0, "extent size")]
    public async Task Options_that_make_no_sense_are_refused_before_anything_is_written(int io, int watchdog, long extent, string word)
    {
        var lun = new MemoryLun();
        var refusal = await Assert.ThrowsAsync<Refusal>(() => TestDomain.Creator(lun).CreateAsync(new DomainOptions(TestDomain.Uuid, "", io, watchdog, extent)));
        Assert.Equal(RefusalCode.Invalid, refusal.Code);
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, lun.Writes);
    }

    [Fact]
    public async Task A_LUN_that_is_too_small_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<Refusal>(() => TestDomain.Creator(new MemoryLun(1L << 30)).CreateAsync(Options));
        Assert.Contains("10", refusal.Message, StringComparison.Ordinal);
    }

    static async Task<bool> OpensAsync(ILun lun)
    {
        try
        {
            await PoolDomain.OpenAsync(lun);
            return true;
        }
        catch (Refusal)
        {
            return false;
        }
    }
}
