using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Pool.Recovery;

/// <summary>R6b: what was acknowledged survives the loss of both headers, by its text in the ring or by its grants in the journal.</summary>
public sealed class LostHeadersTests
{
    const long Extent = 128L << 20;

    public static TheoryData<string> Losses => ["zeros", "random", "an older epoch's"];

    [Theory]
    [MemberData(nameof(Losses))]
    public async Task With_both_headers_lost_a_node_that_knows_the_domain_finds_the_text_that_the_journal_names(string loss)
    {
        var (lun, domain, old) = await LedAsync();
        Lose(lun, old, loss);
        var next = await BeginAsync(domain, epoch: 3);
        CheckAcknowledged(next);
        Assert.Contains(next.Notes, note => note.Contains("R6b", StringComparison.Ordinal));
        Assert.All((await MetadataReader.ReadAsync([lun.Metadata])).Copies, copy => Assert.IsType<CopyState.Current>(copy.State));
    }

    /// The texts above the one that is left are gone, too: every grant is made again at its place, in the takeover's commit.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Grants_whose_texts_are_lost_are_made_again_extent_by_extent(int textsLost)
    {
        var (lun, domain, old) = await LedAsync();
        var was = Segments(await PoolDomain.OpenAsync(lun));
        var journal = await JournalPlace.Of(domain).ReadAsync((await PoolDomain.OpenAsync(lun)).Group);
        Lose(lun, old, "an older epoch's");
        foreach (var commit in journal.Commits.TakeLast(textsLost).Select(block => block.Commit!.Value))
        {
            lun.Poke(old[0].AreaOffsetBytes + commit.FirstPlace, new byte[4096]);
            lun.Poke(old[1].AreaOffsetBytes + commit.SecondPlace, new byte[4096]);
        }
        var next = await BeginAsync(domain, epoch: 3);
        CheckAcknowledged(next);
        Assert.Equal(was, Segments(await PoolDomain.OpenAsync(lun)));
    }

    /// A plain crash before the first header: nobody was told, and nothing may be taken for lost.
    [Fact]
    public async Task A_commit_that_no_header_ever_named_is_not_made_again()
    {
        var (lun, domain, _) = await LedAsync();
        var term = await TestDomain.LeadAsync(lun, epoch: 3);
        var volume = term.Term.Volumes.View().Volumes.First(v => v.Alias == "disk" && v.AllocatedBytes == 3 * Extent);
        lun.DiesAfter = lun.Writes + 3;
        await Record.ExceptionAsync(() => term.Extension.ExtendAsync(volume.Name, new(5 * Extent, null, null, null)));
        var copy = lun.Copy();
        var next = await BeginAsync(await PoolDomain.OpenAsync(copy), epoch: 4);
        Assert.Empty(next.Notes);
        Assert.Equal(3 * Extent, next.Volumes.Find(volume.Name).AllocatedBytes);
    }

    /// R22: a person put an older text back with vgcfgrestore.
    [Fact]
    public async Task A_foreign_text_is_not_replaced_from_the_journal()
    {
        var (lun, domain, old) = await LedAsync();
        Lose(lun, old, "an older epoch's");
        var read = await MetadataReader.ReadAsync([lun.Metadata]);
        var text = System.Text.Encoding.ASCII.GetString(read.Copies[0].Text.Span).Replace("spm_epoch", "xxx_epoch", StringComparison.Ordinal);
        var bytes = System.Text.Encoding.ASCII.GetBytes(text + '\0');
        foreach (var copy in read.Copies)
        {
            var at = copy.Location!.Value with { SizeBytes = bytes.Length, Crc = LvmCrc.Compute(bytes) };
            lun.Poke(copy.AreaOffsetBytes + at.OffsetBytes, bytes);
            var header = new byte[512];
            new MdaHeader(copy.AreaOffsetBytes, copy.AreaSizeBytes, at, default).Format(header);
            lun.Poke(copy.AreaOffsetBytes, header);
        }
        var journal = await JournalPlace.Of(domain).ReadAsync(read.Group);
        Assert.NotEmpty(journal.LostAbove(read.Group!.Epoch ?? 0, read.Group.Seqno));
        var fence = new PoolFence(3, _ => true, TimeSpan.Zero, TimeProvider.System);
        Assert.Null(await OvirtSpm.Node.Pool.Recovery.HeaderRescue.RestoreAsync(domain, await MetadataReader.ReadAsync([lun.Metadata]), journal, fence));
    }

    /// <summary>Epoch 2 makes, extends and removes; the copies are as they were when the epoch had not begun.</summary>
    static async Task<(MemoryLun Lun, PoolDomain Domain, IReadOnlyList<CopyReport> Old)> LedAsync()
    {
        var lun = await TestDomain.LunAsync();
        var old = (await MetadataReader.ReadAsync([lun.Metadata])).Copies;
        var term = await TestDomain.LeadAsync(lun);
        var first = await term.CreateAsync();
        await term.CreateAsync();
        var gone = await term.CreateAsync();
        await term.Removal.DeleteAsync($"{gone}");
        await term.Extension.ExtendAsync($"{first}", new(3 * Extent, null, null, null));
        await term.CreateAsync("raw", 2 * Extent);
        await term.EndAsync();
        return (lun, term.Domain, old);
    }

    static void Lose(MemoryLun lun, IReadOnlyList<CopyReport> old, string how)
    {
        foreach (var copy in old)
        {
            var header = new byte[512];
            if (how == "random")
            {
                new Random(5).NextBytes(header);
            }
            else if (how != "zeros")
            {
                new MdaHeader(copy.AreaOffsetBytes, copy.AreaSizeBytes, copy.Location!.Value, default).Format(header);
            }
            lun.Poke(copy.AreaOffsetBytes, header);
        }
    }

    static async Task<SpmTerm> BeginAsync(PoolDomain domain, ulong epoch)
    {
        var fence = new PoolFence(epoch, _ => true, TimeSpan.Zero, TimeProvider.System);
        var start = await SpmTerm.BeginAsync(domain, fence, TimeProvider.System, "test", new());
        Assert.True(start is TermStart.Begun, (start as TermStart.Failed)?.Why);
        return ((TermStart.Begun)start).Term;
    }

    static void CheckAcknowledged(SpmTerm term)
    {
        var volumes = term.Volumes.View().Volumes;
        Assert.All(volumes, volume => Assert.True(volume.IsUsable, string.Join("; ", volume.Problems)));
        Assert.Equal([Extent, 2 * Extent, 3 * Extent], volumes.Select(volume => volume.AllocatedBytes).Order());
        Assert.Empty(term.Journal.Open);
    }

    static IReadOnlyList<string> Segments(PoolDomain domain) =>
        [.. domain.Group.LogicalVolumes.Select(lv => $"{lv.Name} {lv.Uuid} {string.Join(",", lv.Tags.Order(StringComparer.Ordinal))} "
            + string.Join(" ", lv.Segments.Select(s => $"{s.StartExtent}+{s.ExtentCount}@{s.Areas[0].StartExtent}"))).Order(StringComparer.Ordinal)];
}
