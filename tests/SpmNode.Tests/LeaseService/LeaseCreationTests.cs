using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Tests.LeaseService;

public class LeaseCreationTests
{
    [Fact]
    public async Task A_new_domain_has_an_empty_index_and_a_lease_made_in_it_is_found_listed_and_free()
    {
        var (domain, creation) = await OpenAsync();
        Assert.Empty(await new LeaseDirectory(domain).ListAsync());
        var made = await creation.CreateAsync("vm-1");
        Assert.Equal((3L << 20, "free", 0ul), (made.OffsetBytes, made.State, made.Version));
        await creation.CreateAsync("vm-2");
        Assert.Equal(["vm-1", "vm-2"], (await new LeaseDirectory(domain).ListAsync()).Select(lease => lease.Name));
        Assert.Equal(4L << 20, await new LeaseDirectory(domain).FindAsync("vm-2"));
        var view = await LeaseDump.ResourceAsync(domain.ExternalLeases, 4L << 20, domain.Geometry);
        Assert.Equal(("vm-2", domain.Lockspace, RecordError.None), ($"{view.Leader!.Resource}", $"{view.Leader.Lockspace}", view.LeaderError));
    }

    [Fact]
    public async Task A_name_that_is_there_is_refused_and_its_lease_left_alone()
    {
        var (domain, creation) = await OpenAsync();
        await creation.CreateAsync("vm-1");
        var before = await BytesAsync(domain, 3L << 20);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => creation.CreateAsync("vm-1"))).Code);
        Assert.Equal(before, await BytesAsync(domain, 3L << 20));
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => new LeaseDirectory(domain).FindAsync("vm"))).Code);
    }

    [Fact]
    public async Task Nothing_is_written_when_the_term_is_over()
    {
        var holds = true;
        var (domain, creation) = await OpenAsync(() => holds);
        holds = false;
        var before = await BytesAsync(domain, XleasesLayout.IndexOffsetBytes);
        await Assert.ThrowsAsync<Refusal>(() => creation.CreateAsync("vm-1"));
        await Assert.ThrowsAsync<Refusal>(creation.RebuildAsync);
        Assert.Equal(before, await BytesAsync(domain, XleasesLayout.IndexOffsetBytes));
    }

    /// The term ends after each of the three writes in turn.
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public async Task A_creation_that_was_cut_is_neither_found_nor_made_again_before_the_rebuild_says_what_there_is(int writes, bool exists)
    {
        var asked = 0;
        var (domain, creation) = await OpenAsync(() => asked++ < writes);
        if (writes < 3)
        {
            await Assert.ThrowsAsync<Refusal>(() => creation.CreateAsync("vm-1"));
            await Assert.ThrowsAsync<Refusal>(() => new LeaseDirectory(domain).FindAsync("vm-1"));
            Assert.Equal("updating", Assert.Single(await new LeaseDirectory(domain).ListAsync()).State);
        }
        else
        {
            await creation.CreateAsync("vm-1");
        }
        asked = -1000;
        if (writes < 3)
        {
            Assert.Equal(RefusalCode.Damaged, (await Assert.ThrowsAsync<Refusal>(() => creation.CreateAsync("vm-1"))).Code);
        }
        Assert.Equal(exists ? ["vm-1"] : [], (await creation.RebuildAsync()).Names);
        Assert.Equal(exists ? ["free"] : [], (await new LeaseDirectory(domain).ListAsync()).Select(lease => lease.State));
    }

    [Fact]
    public async Task A_lost_index_is_made_anew_from_the_leases_and_leases_of_another_domain_are_not_ours()
    {
        var (domain, creation) = await OpenAsync();
        await creation.CreateAsync("a");
        await creation.CreateAsync("b");
        await ResourceFormat.InitialiseAsync(domain.ExternalLeases, 5L << 20, domain.Geometry, "another domain", "c");
        var index = await BytesAsync(domain, XleasesLayout.IndexOffsetBytes);
        await domain.ExternalLeases.WriteAsync(XleasesLayout.IndexOffsetBytes, new byte[XleasesLayout.IndexBytes]);
        Assert.Contains("rebuild-index", (await Assert.ThrowsAsync<Refusal>(() => new LeaseDirectory(domain).FindAsync("a"))).Message);
        Assert.Equal(["a", "b"], (await creation.RebuildAsync()).Names);
        Assert.Equal(index[512..], (await BytesAsync(domain, XleasesLayout.IndexOffsetBytes))[512..]);
    }

    /// Two writes make the whole index; between them it must not be believed.
    [Fact]
    public async Task A_rebuild_that_was_cut_leaves_an_index_that_nobody_believes()
    {
        var asked = 0;
        var (domain, creation) = await OpenAsync(() => asked++ < 1);
        await Assert.ThrowsAsync<Refusal>(creation.RebuildAsync);
        Assert.Equal(XleasesError.Updating, (await LeaseIndexStore.ReadAsync(domain)).Error);
        Assert.Contains("did not end", (await Assert.ThrowsAsync<Refusal>(new LeaseDirectory(domain).ListAsync)).Message);
    }

    [Fact]
    public async Task A_lease_that_cannot_be_believed_keeps_its_name_and_without_one_the_index_is_not_changed()
    {
        var (domain, creation) = await OpenAsync();
        await creation.CreateAsync("a");
        var sector = await BytesAsync(domain, 3L << 20, 512);
        sector[168] ^= 1;
        await domain.ExternalLeases.WriteAsync(3L << 20, sector);
        Assert.Equal("damaged", Assert.Single(await new LeaseDirectory(domain).ListAsync()).State);
        Assert.Equal(["a"], (await creation.RebuildAsync()).Names);
        await domain.ExternalLeases.WriteAsync(XleasesLayout.IndexOffsetBytes, new byte[XleasesLayout.IndexBytes]);
        Assert.Contains("cannot be believed", (await Assert.ThrowsAsync<Refusal>(creation.RebuildAsync)).Message);
        Assert.Equal(XleasesError.Empty, (await LeaseIndexStore.ReadAsync(domain)).Error);
    }

    /// Another program may name its leases as it likes; one name that cannot stand in the index kept all the others from being found.
    [Theory]
    [InlineData("two words")]
    [InlineData("bell\a")]
    [InlineData("größe")]
    public async Task A_name_that_cannot_stand_in_the_index_is_told_and_keeps_its_place_and_the_rest_is_found(string odd)
    {
        var (domain, creation) = await OpenAsync();
        await creation.CreateAsync("a");
        await ResourceFormat.InitialiseAsync(domain.ExternalLeases, 4L << 20, domain.Geometry, domain.Lockspace, odd);
        await ResourceFormat.InitialiseAsync(domain.ExternalLeases, 5L << 20, domain.Geometry, domain.Lockspace, "b");
        await domain.ExternalLeases.WriteAsync(XleasesLayout.IndexOffsetBytes, new byte[XleasesLayout.IndexBytes]);
        var lease = await BytesAsync(domain, 4L << 20);

        var rebuilt = await creation.RebuildAsync();
        Assert.Equal(["a", "b"], rebuilt.Names);
        Assert.Contains($"at {4L << 20}", Assert.Single(rebuilt.Unnamed).Message, StringComparison.Ordinal);
        Assert.Equal(6L << 20, (await creation.CreateAsync("c")).OffsetBytes);
        Assert.Equal(lease, await BytesAsync(domain, 4L << 20));
        Assert.Equal(5L << 20, await new LeaseDirectory(domain).FindAsync("b"));
        // It stays so, also when its sector cannot be read any more.
        lease[168] ^= 1;
        await domain.ExternalLeases.WriteAsync(4L << 20, lease.AsMemory(0, 512).ToArray());
        Assert.Equal(["a", "b", "c"], (await creation.RebuildAsync()).Names);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a:b")]
    [InlineData("1234567890123456789012345678901234567890123456789")]
    public void Names_that_would_not_survive_the_format_are_refused(string name) =>
        Assert.Equal(RefusalCode.Invalid, Assert.Throws<Refusal>(() => UserLeaseName.Checked(name)).Code);

    static async Task<(PoolDomain Domain, LeaseCreation Creation)> OpenAsync(Func<bool>? holds = null)
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        return (domain, new LeaseCreation(domain, new PoolFence(1, _ => holds?.Invoke() ?? true, TimeSpan.Zero, TimeProvider.System), TimeProvider.System));
    }

    static async Task<byte[]> BytesAsync(PoolDomain domain, long offset, int count = XleasesLayout.IndexBytes)
    {
        var bytes = new byte[count];
        await domain.ExternalLeases.ReadAsync(offset, bytes);
        return bytes;
    }
}
