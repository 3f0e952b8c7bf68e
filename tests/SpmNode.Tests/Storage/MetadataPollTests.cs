using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Tests.Storage;

public sealed class MetadataPollTests
{
    /// A listing on a quiet pool costs two headers: a text of a thousand volumes is half a megabyte, and parsing it milliseconds.
    [Fact]
    public async Task A_text_is_read_again_only_when_a_header_says_something_else()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun);
        var first = await term.CreateAsync();
        var reader = await PoolDomain.OpenAsync(lun);
        var read = await reader.ReadMetadataAsync();
        Assert.Same(read, await reader.ReadMetadataAsync());

        var second = await term.CreateAsync();
        var after = await reader.ReadMetadataAsync();
        Assert.NotNull(after.Group!.Find($"{second}"));
        Assert.Null(read.Group!.Find($"{second}"));
        Assert.Same(after, await reader.ReadMetadataAsync());
        Assert.NotNull(after.Group.Find($"{first}"));
    }

    /// R5: a path that answers with the past must not be believed because its headers have not moved.
    [Fact]
    public async Task What_was_read_is_not_given_again_once_something_newer_was_seen()
    {
        var lun = await TestDomain.LunAsync();
        var reader = await PoolDomain.OpenAsync(lun);
        var read = await reader.ReadMetadataAsync();
        var term = await TestDomain.LeadAsync(lun.Copy());
        await term.CreateAsync();
        reader.Seen.Saw(term.Term.Worker.Current);

        var stale = await reader.ReadMetadataAsync();
        Assert.NotSame(read, stale);
        Assert.Null(stale.Group);
        Assert.Contains("was seen before", stale.Problem);
    }
}
