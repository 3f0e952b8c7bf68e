using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tests.Guests;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

public class MappedActivationTests
{
    readonly FakeDeviceMapper kernel = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_volume_is_marked_on_the_LUN_before_it_is_mapped_and_until_it_is_not(bool readOnly)
    {
        var (lun, volume, _) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2, kernel);
        kernel.Before = _ => Assert.False(host.Maps.ReadOwnAsync().GetAwaiter().GetResult().IsIdle);
        var active = await host.Activator.ActivateAsync(volume, readOnly);
        var (group, lv) = (host.Domain.Group, host.Domain.Group.Find(volume)!);
        Assert.Equal((LvmDeviceName.Of(group.Name, lv.Name), LvmDeviceName.UuidOf(group.Uuid, lv.Uuid), readOnly), (kernel.Only.Name, kernel.Only.Uuid, kernel.Only.ReadOnly));
        Assert.Equal(DmTable.For(group, lv, _ => "8:0").Select(line => $"{line}"), kernel.Only.Live.Select(line => $"{line.StartSector} {line.LengthSectors} {line.Type} {line.Parameters}"));
        Assert.Contains($"driver=host_device,", active.BlockDevice, StringComparison.Ordinal);
        Assert.Contains($"filename=/dev/{group.Name}/{volume},", active.BlockDevice, StringComparison.Ordinal);

        await host.Activator.DeactivateAsync(active.Volume);
        Assert.Equal(0, kernel.Count);
        Assert.Equal("nodes gone", kernel.Calls[^1]);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    [Fact]
    public async Task What_somebody_has_open_is_not_deactivated_and_goes_on()
    {
        var (host, active, term) = await ActiveAsync();
        kernel.Open();
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.DeactivateAsync(active.Volume))).Code);
        Assert.False((await host.Maps.ReadOwnAsync()).IsIdle);
        Assert.Equal(2 * Extent, (await GrowAsync(host, term, active, 2 * Extent)).AllocatedBytes);
        kernel.Open(0);
        await host.Activator.DeactivateAsync(active.Volume);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    /// R12: the answer's segments, while it is open, in one resume.
    [Fact]
    public async Task An_answer_is_loaded_below_an_opener_and_an_older_one_is_not()
    {
        var (host, active, term) = await ActiveAsync();
        kernel.Open();
        var before = kernel.Only.Live;
        var reply = await GrowAsync(host, term, active, 3 * Extent);
        Assert.Equal(["create", "load", "resume", "load", "resume"], kernel.Calls);
        Assert.Equal(3 * Extent / 512, kernel.Only.Live.Sum(target => target.LengthSectors));
        Assert.True(MapTable.IsPrefix(before, kernel.Only.Live));
        var old = reply with { Seqno = reply.Seqno - 1 };
        Assert.Equal(GrowRefusal.Older, Assert.IsType<GrowOutcome.Refused>(await host.Activator.GrowAsync(active.Volume, old)).Reason);
    }

    /// Somebody's lvchange or dmsetup came between: what the kernel has counts, not what this node remembers.
    [Fact]
    public async Task An_answer_is_not_loaded_over_a_table_that_is_not_ours()
    {
        var (host, active, term) = await ActiveAsync();
        kernel.Set(kernel.Only with { OpenCount = 1, Live = [kernel.Only.Live[0] with { Parameters = "8:0 1" }] });
        await Assert.ThrowsAsync<Refusal>(() => GrowAsync(host, term, active, 3 * Extent));
        Assert.Equal("8:0 1", kernel.Only.Live[0].Parameters);
    }

    [Fact]
    public async Task A_node_that_ends_leaves_the_map_to_its_guests_and_finds_it_again()
    {
        var (host, active, _) = await ActiveAsync();
        kernel.Open();
        await host.Activator.CloseAsync();
        Assert.Equal(1, kernel.Only.OpenCount);
        var calls = kernel.Calls.Count;
        var next = await TestHost.JoinAsync(host.Lun, 2, kernel);
        await next.Activator.RestoreAsync();
        Assert.Equal(active.Volume, Assert.Single(next.Activator.Active).Volume);
        Assert.Empty(await next.Maps.AdoptAsync(next.Membership.Generation));
        Assert.Equal(calls, kernel.Calls.Count);
    }

    [Theory]
    [InlineData("create")]
    [InlineData("load")]
    [InlineData("resume")]
    public async Task A_node_killed_between_two_steps_finds_the_rest_to_be_done(string killedBefore)
    {
        var (lun, volume, _) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2, kernel);
        kernel.Before = step =>
        {
            if (step == killedBefore)
            {
                lun.BeforeWrite = (_, _) => throw new IOException("the node is dead");
                kernel.Before = _ => throw new IOException("the node is dead");
                kernel.Before(step);
            }
        };
        await Assert.ThrowsAnyAsync<Exception>(() => host.Activator.ActivateAsync(volume, readOnly: false));
        (kernel.Before, lun.BeforeWrite) = (null, null);
        Assert.Equal(killedBefore == "create" ? 0 : 1, kernel.Count);

        var next = await TestHost.JoinAsync(lun, 2, kernel);
        await next.Activator.RestoreAsync();
        Assert.Equal(volume, Assert.Single(next.Activator.Active).Volume.ToString());
        Assert.Equal((true, false, false), (kernel.Only.HasLive, kernel.Only.HasInactive, kernel.Only.IsSuspended));
        Assert.Equal(Extent / 512, kernel.Only.Live.Sum(target => target.LengthSectors));
    }

    /// R11: the extents stay this host's for as long as the kernel maps them, whatever else went wrong.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_activation_whose_map_does_not_go_again_stays_marked_until_it_does(bool isNewerThanNode)
    {
        var (lun, volume, term) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2, kernel);
        volume = isNewerThanNode ? $"{await term.CreateAsync()}" : volume;
        kernel.Before = step =>
        {
            if (step is "resume" or "remove")
            {
                throw new IOException("no memory");
            }
        };
        await Assert.ThrowsAnyAsync<Exception>(() => host.Activator.ActivateAsync(volume, readOnly: false));
        Assert.False((await host.Maps.ReadOwnAsync()).IsIdle);
        kernel.Before = null;
        await host.Maps.AdoptAsync(host.Membership.Generation);
        Assert.Equal(0, kernel.Count);
        Assert.True((await host.Maps.ReadOwnAsync()).IsIdle);
    }

    [Fact]
    public async Task Left_maps_that_no_entry_covers_go_and_are_cut_off_when_they_are_open_and_stale()
    {
        var (host, active, _) = await ActiveAsync();
        await host.Maps.SetAsync(active.Slot, ActivationMode.Inactive, host.Membership.Generation);
        kernel.Set(kernel.Only with { OpenCount = 1 });
        await (await TestHost.JoinAsync(host.Lun, 2, kernel)).Activator.RestoreAsync();
        Assert.Equal("linear", kernel.Only.Live[0].Type);

        kernel.Set(kernel.Only with { Live = [kernel.Only.Live[0] with { Parameters = "8:0 1" }] });
        await (await TestHost.JoinAsync(host.Lun, 2, kernel)).Activator.RestoreAsync();
        Assert.Equal("error", kernel.Only.Live[0].Type);
        Assert.Equal("remove later", kernel.Calls[^1]);

        kernel.Open(0);
        await (await TestHost.JoinAsync(host.Lun, 2, kernel)).Activator.RestoreAsync();
        Assert.Equal(0, kernel.Count);
    }

    [Fact]
    public async Task A_confirmed_dead_host_that_lives_has_its_open_map_cut_off()
    {
        var (host, active, _) = await ActiveAsync();
        kernel.Open();
        await host.Maps.SetAsync(active.Slot, ActivationMode.Inactive, host.Membership.Generation);
        Assert.True(await host.Activator.DropUnmarkedAsync());
        Assert.Equal("error", kernel.Only.Live[0].Type);
        Assert.Empty(host.Activator.Active);
    }

    /// R11: loaded between the two steps of the other, the answer's table would be made live instead of the one that fails everything.
    [Fact]
    public async Task An_answer_that_comes_while_a_map_is_cut_off_does_not_bring_it_back()
    {
        var (host, active, term) = await ActiveAsync();
        kernel.Open();
        using var answerComes = new ManualResetEventSlim();
        using var cutIsLoaded = new ManualResetEventSlim();
        kernel.Before = step =>
        {
            // Each waits for the other to come between; only without order among them does it.
            if (step == "load" && !answerComes.IsSet)
            {
                answerComes.Set();
                cutIsLoaded.Wait(TimeSpan.FromMilliseconds(500));
            }
            else if (step == "resume")
            {
                cutIsLoaded.Set();
                SpinWait.SpinUntil(() => kernel.Calls.Count(call => call == "load") >= 3, TimeSpan.FromMilliseconds(500));
            }
        };
        var growing = Task.Run(() => GrowAsync(host, term, active, 3 * Extent));
        Assert.True(answerComes.Wait(TimeSpan.FromMinutes(1)));
        Assert.IsType<DeactivateOutcome.Returned>(await active.Export.CutOffAsync(TimeSpan.FromMinutes(1)));
        await Task.WhenAny(growing);
        Assert.Equal("error", kernel.Only.Live[0].Type);
        kernel.Before = null;
        await Assert.ThrowsAsync<Refusal>(() => GrowAsync(host, term, active, 4 * Extent));
        Assert.Equal("error", kernel.Only.Live[0].Type);
    }

    [Fact]
    public async Task Nothing_is_mapped_exclusively()
    {
        var (lun, volume, _) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2, kernel);
        Assert.Equal(RefusalCode.Invalid, (await Assert.ThrowsAsync<Refusal>(() => host.Activator.ActivateAsync(volume, readOnly: false, exclusive: true))).Code);
        Assert.Equal(0, kernel.Count);
    }

    const long Extent = 128L << 20;

    async Task<(TestHost Host, ActiveVolume Active, TestTerm Term)> ActiveAsync()
    {
        var (lun, volume, term) = await VolumeAsync();
        var host = await TestHost.JoinAsync(lun, 2, kernel);
        return (host, await host.Activator.ActivateAsync(volume, readOnly: false), term);
    }

    static async Task<(MemoryLun Lun, string Volume, TestTerm Term)> VolumeAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        return (term.Lun, $"{await term.CreateAsync()}", term);
    }

    static async Task<ExtendVolumeReply> GrowAsync(TestHost host, TestTerm term, ActiveVolume active, long bytes)
    {
        host.Spm = (volume, request) => term.Extension.ExtendAsync($"{volume}", request).GetAwaiter().GetResult();
        return await host.Growth.GrowAsync(active.Volume, bytes, default);
    }
}
