using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Mapped.Tail;
using OvirtSpm.Node.Tests.Activation.Mapped;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Guests;

/// <summary>One header names a text that the other one does not: it may never have been committed, so nobody serves volumes by it.</summary>
public sealed class UnsettledMetadataTests : IAsyncLifetime
{
    readonly string[] volumes = new string[2];
    MemoryLun lun = null!;
    long header;
    byte[] before = [], middle = [], after = [];

    public async ValueTask InitializeAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        (lun, volumes[0]) = (term.Lun, $"{await term.CreateAsync()}");
        header = (await MetadataReader.ReadAsync([lun.Metadata])).Copies[1].AreaOffsetBytes;
        before = lun.Peek(header, 512);
        volumes[1] = $"{await term.CreateAsync()}";
        middle = lun.Peek((await MetadataReader.ReadAsync([lun.Metadata])).Copies[0].AreaOffsetBytes, 512);
        await term.CreateAsync();
        after = lun.Peek(header, 512);
        // Its scrub would put the header back.
        await term.EndAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Nothing_is_activated_until_every_copy_names_the_same()
    {
        var host = await TestHost.JoinAsync(lun, 2);
        lun.Poke(header, before);
        var activating = host.Activator.ActivateAsync(volumes[1], readOnly: false);
        await PassUntilAsync(host, activating);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => activating);
        Assert.Equal(RefusalCode.Unavailable, refusal.Code);
        Assert.Contains("a commit has not ended", refusal.Message, StringComparison.Ordinal);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);

        lun.Poke(header, after);
        await host.Activator.ActivateAsync(volumes[1], readOnly: false);
    }

    [Fact]
    public async Task A_commit_that_ends_meanwhile_is_waited_for()
    {
        var host = await TestHost.JoinAsync(lun, 2);
        lun.Poke(header, before);
        var activating = host.Activator.ActivateAsync(volumes[1], readOnly: false);
        host.Pass(TimeSpan.FromMilliseconds(100));
        Assert.False(activating.IsCompleted);
        lun.Poke(header, after);
        await PassUntilAsync(host, activating);
        await activating;
    }

    /// Every look meets it in the middle of a commit: the headers never agree, and what the last look saw is committed all the same.
    [Fact]
    public async Task A_busy_SPM_holds_up_no_activation()
    {
        var first = (await MetadataReader.ReadAsync([lun.Metadata])).Copies[0].AreaOffsetBytes;
        var newest = lun.Peek(first, 512);
        lun.Poke(first, middle);
        lun.Poke(header, before);
        var host = await TestHost.JoinAsync(lun, 2);
        var activating = host.Activator.ActivateAsync(volumes[1], readOnly: false);
        host.Pass(TimeSpan.FromMilliseconds(100));
        Assert.False(activating.IsCompleted);
        lun.Poke(first, newest);
        await PassUntilAsync(host, activating);
        Assert.Equal(volumes[1], (await activating).Volume.ToString());
    }

    /// It may have to become SPM itself first, so it must not wait; and what it had active stays its own meanwhile.
    [Fact]
    public async Task A_restarted_node_serves_its_volumes_once_the_metadata_are_settled()
    {
        var host = await RestartedAsync();
        Assert.Empty(host.Activator.Active);
        Assert.Empty(await host.Maps.AdoptAsync(host.Membership.Generation));
        var slot = Assert.Single((await host.Maps.ReadOwnAsync()).Active().ToList()).Slot;
        await Assert.ThrowsAsync<Refusal>(() => host.Activator.DeactivateAsync(Guid.Parse(volumes[0]), slot));

        lun.Poke(header, after);
        await PassUntilAsync(host, host.Activator.RestoreLaterAsync());
        Assert.Equal(volumes[0], Assert.Single(host.Activator.Active).Volume.ToString());
        Assert.False(await host.Activator.RestoreLaterAsync());
    }

    /// R11: the host id was lost and is taken again while volumes are being served again.
    [Fact]
    public async Task Adopting_in_the_middle_of_serving_again_clears_nothing_that_is_served_afterwards()
    {
        var host = await RestartedAsync();
        var later = host.Activator.RestoreLaterAsync();
        Assert.False(later.IsCompleted);
        Assert.Empty(await host.Maps.AdoptAsync(host.Membership.Generation));

        lun.Poke(header, after);
        await PassUntilAsync(host, later);
        var served = Assert.Single(host.Activator.Active);
        Assert.Contains((await host.Maps.ReadOwnAsync()).Active().ToList(), entry => entry.Slot == served.Slot);
    }

    /// R11, R17: it was confirmed dead, so its entry is gone, and nobody told its guest.
    [Fact]
    public async Task What_no_entry_covers_is_found_once_the_metadata_are_settled()
    {
        var kernel = new FakeDeviceMapper();
        var former = await TestHost.JoinAsync(lun, 2, kernel, holds: true);
        var active = await former.Activator.ActivateAsync(volumes[0], readOnly: false);
        var guest = TailLayers.GuestOf(MapIdentity.Of(former.Domain.Group, former.Domain.Group.Find(volumes[0])!)).Uuid;
        kernel.Set(kernel.Find(guest)! with { OpenCount = 1 });
        var write = kernel.Write(guest, active.Export.AllocatedBytes / 512);
        await former.Maps.SetAsync(active.Slot, ActivationMode.Inactive, former.Membership.Generation);

        var host = await TestHost.JoinAsync(lun, 2, kernel, holds: true);
        lun.Poke(header, before);
        await PassUntilAsync(host, host.Activator.RestoreAsync());
        Assert.Equal((false, null), (host.Activator.HasRestored, write.Result));

        lun.Poke(header, after);
        await PassUntilAsync(host, host.Activator.RestoreLaterAsync());
        Assert.Equal((true, "EIO"), (host.Activator.HasRestored, write.Result));
        Assert.Contains(host.Log, line => line.Contains("not marked active on the LUN", StringComparison.Ordinal));
        Assert.False(await host.Activator.RestoreLaterAsync());
    }

    /// <summary>A node in its second life, which found the metadata unsettled; its first one served a volume.</summary>
    async Task<TestHost> RestartedAsync()
    {
        var former = await TestHost.JoinAsync(lun, 2);
        await former.Activator.ActivateAsync(volumes[0], readOnly: false);
        var host = await TestHost.JoinAsync(lun, 2);
        lun.Poke(header, before);
        await PassUntilAsync(host, host.Activator.RestoreAsync());
        return host;
    }

    static async Task PassUntilAsync(TestHost host, Task done)
    {
        while (await Task.WhenAny(done, Task.Delay(1)) != done)
        {
            host.Pass(TimeSpan.FromMilliseconds(50));
        }
    }
}
