using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Roles;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>R11: what somebody says of a host, and which host is meant.</summary>
public sealed class DeadHostTests
{
    readonly ManualClock clock = new();

    /// Until its map is made anew every volume counts as in use there, and nothing can be deleted any more.
    [Fact]
    public async Task The_unreadable_map_of_a_host_id_that_nobody_ever_used_is_made_anew_once_that_is_proven()
    {
        var (lun, member, term) = await clock.SpmAsync();
        var map = term.Domain.SpmOffset + HostActivations.Place(term.Domain.Layout, 17).OffsetBytes;
        lun.Poke(map, [1, 2, 3, 4]);
        Assert.False((await term.MapsOf(17).ReadOwnAsync()).IsReadable);
        await clock.PassAsync(member, TimeSpan.FromSeconds(10));
        var early = await Assert.ThrowsAsync<Refusal>(() => ConfirmAsync(member, term, "17", "17"));
        Assert.Contains("silent for", early.Message, StringComparison.Ordinal);

        await clock.PassAsync(member, TimeSpan.FromSeconds(70));
        var reply = await ConfirmAsync(member, term, "17", "17");
        Assert.Equal((17, 1), (reply.HostId, reply.Repaired));
        Assert.True((await term.MapsOf(17).ReadOwnAsync()).IsIdle);
        foreach (var nobody in new[] { "17", "18", "251" })
        {
            // Also the repaired one now: there is nothing to confirm.
            var refusal = await Assert.ThrowsAsync<Refusal>(() => ConfirmAsync(member, term, nobody, nobody));
            Assert.Equal(RefusalCode.NotFound, refusal.Code);
            Assert.Contains($"host id {nobody} was never used", refusal.Message, StringComparison.Ordinal);
        }
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => KnownHost.FindAsync(member, "18"))).Code);
    }

    /// The sector of the host id itself: whoever holds it cannot be told, so it may live.
    [Fact]
    public async Task A_host_id_that_cannot_be_judged_is_not_confirmed_dead()
    {
        var (lun, member, term) = await clock.SpmAsync();
        lun.Poke(term.Domain.IdsOffset + 16 * 512, [9, 9, 9, 9]);
        await clock.PassAsync(member, TimeSpan.FromSeconds(90));
        Assert.Contains("counts as living", (await Assert.ThrowsAsync<Refusal>(() => ConfirmAsync(member, term, "17", "17"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_means_the_host_id_that_is_held_and_only_the_id_says_who_is_dead_when_there_are_two()
    {
        var (lun, member, term) = await clock.SpmAsync();
        var left = await clock.JoinAsync(lun.OpenAgain(), 2, "moved");
        await clock.DriveAsync(left.LeaveAsync());
        await clock.JoinAsync(lun.OpenAgain(), 3, "moved");
        await clock.PassAsync(member, TimeSpan.FromSeconds(5));
        await member.RefreshRecordsAsync();

        var meant = await KnownHost.FindAsync(member, "moved");
        Assert.Equal([3, 2], meant.Select(host => host.Id));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => ConfirmAsync(member, term, "moved", "moved"));
        Assert.Contains("several host ids: 3 (", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("2 (free)", refusal.Message, StringComparison.Ordinal);
    }

    static async Task<Node.Api.ConfirmDeadReply> ConfirmAsync(Membership member, TestTerm term, string host, string name) =>
        await new DeadHost(term.Term, member, _ => { }).ConfirmAsync(await KnownHost.FindAsync(member, host, orUnused: true), name);
}
