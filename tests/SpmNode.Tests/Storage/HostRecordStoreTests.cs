using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>Records that are read again and again: what changed is seen at once, also when only some of them are read.</summary>
public sealed class HostRecordStoreTests
{
    [Fact]
    public async Task Reading_up_to_a_host_id_shows_what_changed_there_and_what_was_seen_before_above_it()
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        var (writer, reader) = (new HostRecordStore(domain), new HostRecordStore(domain));
        Assert.Equal(SpmLayout.Hosts, (await reader.ReadUpToAsync(3)).Length);
        Assert.Null((await reader.ReadAllAsync())[1].Newest);

        await writer.PublishAsync(sequence => Record(domain, 2, sequence, "first"), 2);
        await writer.PublishAsync(sequence => Record(domain, 9, sequence, "nine"), 9);
        var some = await reader.ReadUpToAsync(3);
        Assert.Equal("first", some[1].Newest!.Name);
        Assert.Null(some[8].Newest);
        Assert.Equal("nine", (await reader.ReadAllAsync())[8].Newest!.Name);

        await writer.PublishAsync(sequence => Record(domain, 2, sequence, "second"), 2);
        some = await reader.ReadUpToAsync(2);
        Assert.Equal(("second", "nine"), (some[1].Newest!.Name, some[8].Newest!.Name));
        Assert.Equal("second", (await reader.ReadUpToAsync(2))[1].Newest!.Name);
    }

    static HostRecord Record(PoolDomain domain, int host, ulong sequence, string name) => new(
        domain.Superblock.Pool, host, 1, sequence, Guid.NewGuid(), Guid.NewGuid(), name, $"http://{name}", "test", WatchdogKind.None, 0, 1, 0, false);
}
