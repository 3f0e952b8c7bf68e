using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Roles;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Pool.Garbage;

/// <summary>R11: whose activation-map entries are provably nobody's.</summary>
public sealed class OfflineEntryTests
{
    const int Offline = 243;
    readonly ManualClock clock = new();

    [Fact]
    public async Task What_a_killed_verb_of_this_machine_left_goes_once_its_host_id_is_proven_dead()
    {
        var (lun, member, term) = await clock.SpmAsync();
        await KilledVerbAsync(lun, term, TestDomain.ThisMachine.MachineId);
        var early = Assert.Single((await CollectAsync(member, term)).Items);
        Assert.False(early.Collected);
        Assert.Contains("may be at work", early.Outcome, StringComparison.Ordinal);
        Assert.False((await term.MapsOf(Offline).ReadOwnAsync()).IsIdle);

        await clock.PassAsync(member, TimeSpan.FromSeconds(90));
        Assert.Contains("slot 5", Assert.Single((await new LunReader(lun.OpenAgain()).GarbageAsync(collect: false)).Items, item => item.Kind == "activation").Reason, StringComparison.Ordinal);
        Assert.True(Assert.Single((await CollectAsync(member, term)).Items, item => item.Kind == "activation").Collected);
        Assert.True((await term.MapsOf(Offline).ReadOwnAsync()).IsIdle);
        Assert.Empty((await CollectAsync(member, term)).Items);
    }

    [Theory]
    [InlineData(true, "another machine's")]
    [InlineData(false, "a process of this machine")]
    public async Task That_of_another_machine_or_of_a_process_that_has_the_host_id_stays(bool isElsewhere, string why)
    {
        var (lun, member, term) = await clock.SpmAsync();
        var other = await KilledVerbAsync(lun, term, isElsewhere ? Guid.NewGuid() : TestDomain.ThisMachine.MachineId);
        if (!isElsewhere)
        {
            Assert.True(other.TryLock(term.Domain.IdsOffset + (Offline - 1) * 512L, 512));
        }
        await clock.PassAsync(member, TimeSpan.FromSeconds(90));
        var item = Assert.Single((await CollectAsync(member, term)).Items, item => item.Kind == "activation");
        Assert.False(item.Collected);
        Assert.Contains(why, item.Outcome, StringComparison.Ordinal);
        Assert.False((await term.MapsOf(Offline).ReadOwnAsync()).IsIdle);
    }

    /// A node that is down will serve its volumes again from these.
    [Fact]
    public async Task The_entries_of_a_node_are_never_cleared()
    {
        var (lun, member, term) = await clock.SpmAsync();
        var volume = await term.CreateAsync();
        await new ActivationMaps(await PoolDomain.OpenAsync(lun.OpenAgain()), 7, TestDomain.ThisMachine)
            .SetAsync(term.Term.Volumes.Find(volume)!.Tags.Slot!.Value, ActivationMode.ReadWrite, 1);
        await clock.PassAsync(member, TimeSpan.FromSeconds(90));
        Assert.Empty((await CollectAsync(member, term)).Items);
        Assert.False((await term.MapsOf(7).ReadOwnAsync()).IsIdle);
    }

    /// <summary>Joins under an offline host id, says on the LUN that it works on slot 5, and is never heard of again.</summary>
    async Task<MemoryLun> KilledVerbAsync(MemoryLun lun, TestTerm term, Guid machine)
    {
        var opening = lun.OpenAgain();
        var identity = new HostIdentity(Offline, OfflineJoin.Name(Offline), "offline", machine, TestDomain.ThisMachine.BootId, "", "test");
        var domain = await PoolDomain.OpenAsync(opening);
        var verb = await clock.JoinAsync(domain, identity);
        await new ActivationMaps(domain, Offline, identity.MapOwner).SetAsync(5, ActivationMode.Working, verb.Generation);
        verb.UnlockSector(); // as the kernel does when the process dies
        return opening;
    }

    static Task<GarbageReply> CollectAsync(Membership member, TestTerm term) =>
        new PoolVerbs(term.Term, term.Maps, member, new MarkingImager(term.Lun), new TestChoice(9), TimeProvider.System, new PoolCounters(), _ => { }).GarbageAsync(collect: true);
}
