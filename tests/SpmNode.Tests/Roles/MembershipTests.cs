using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Roles;

public sealed class MembershipTests
{
    readonly ManualClock clock = new();

    [Fact]
    public async Task A_second_process_on_this_machine_cannot_take_the_same_host_id()
    {
        var lun = await TestDomain.LunAsync();
        await JoinAsync(await MemberAsync(lun, 1, "a"));
        var refusal = await Assert.ThrowsAsync<Refusal>(async () => await JoinAsync(await MemberAsync(lun.OpenAgain(), 1, "b")));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
        Assert.Contains("host id 1", refusal.Message, StringComparison.Ordinal);
    }

    /// R23. Its record came after the last time that anybody read them.
    [Fact]
    public async Task A_host_that_joined_since_the_records_were_read_is_no_stranger()
    {
        var lun = await TestDomain.LunAsync();
        var first = await MemberAsync(lun, 1, "a");
        await JoinAsync(first);
        await JoinAsync(await MemberAsync(lun.OpenAgain(), 2, "b"));
        Assert.Empty(await first.StrangersOnDiskAsync());
    }

    [Fact]
    public async Task A_name_in_use_under_another_host_id_is_refused_and_its_own_host_id_is_named()
    {
        var lun = await TestDomain.LunAsync();
        await JoinAsync(await MemberAsync(lun, 1, "same"));
        var refusal = await Assert.ThrowsAsync<Refusal>(async () => await JoinAsync(await MemberAsync(lun.OpenAgain(), 2, "same")));
        Assert.Contains("'same' is used by host id 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_nodes_of_one_name_that_join_at_once_at_most_one_stays()
    {
        var lun = await TestDomain.LunAsync();
        var joins = new[] { await MemberAsync(lun, 1, "same"), await MemberAsync(lun.OpenAgain(), 2, "same") };
        var results = await DriveAsync(Task.WhenAll(joins.Select(member => Record.ExceptionAsync(() => member.JoinAsync(CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1))).AsTask())));
        Assert.InRange(results.Count(result => result is null), 0, 1);
        Assert.All(results.OfType<Exception>(), refused => Assert.Contains("'same' is used", Assert.IsType<Refusal>(refused).Message, StringComparison.Ordinal));
        // Whoever was refused gave its host id back.
        Assert.All(joins.Zip(results).Where(pair => pair.Second is not null), pair => Assert.False(pair.First.IsValid));
    }

    [Fact]
    public async Task A_name_that_was_given_back_is_free_for_another_host_id()
    {
        var lun = await TestDomain.LunAsync();
        var first = await MemberAsync(lun, 1, "same");
        await JoinAsync(first);
        await DriveAsync(first.LeaveAsync());
        var second = await MemberAsync(lun.OpenAgain(), 2, "same");
        await JoinAsync(second);
        Assert.True(second.IsValid);
        Assert.Equal("same", second.RecordOf(2, second.Generation)!.Name);
    }

    /// R8: a new generation says that the former life is over, and the others take the SPM lease at once.
    [Fact]
    public async Task A_host_id_is_not_taken_again_while_a_commit_of_the_former_life_is_out()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        var commit = new TaskCompletionSource();
        lun.ControlWrites = commit.Task;
        var refusal = await Assert.ThrowsAsync<Refusal>(() => JoinAsync(member));
        Assert.Equal(RefusalCode.Unavailable, refusal.Code);
        Assert.Equal(1ul, member.Generation);
        commit.SetResult();
        await JoinAsync(member);
        Assert.Equal(2ul, member.Generation);
    }

    /// Whoever stops a node must get its host id back, also when the node was just reaching for the lease.
    [Fact]
    public async Task A_stop_in_mid_campaign_ends_the_role_without_an_exception()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        using var stop = new CancellationTokenSource();
        var role = new SpmRole(await PoolDomain.OpenAsync(lun), member, new StoppingClock(stop), new PoolCounters(), _ => { });
        await DriveAsync(role.RunAsync(new TaskCompletionSource<LeaseLost>().Task, stop.Token));
        Assert.True(stop.IsCancellationRequested);
        Assert.Equal(0ul, member.SpmLease!.HeldVersion);
    }

    /// <summary>Stops when it is read: between the look at the lease and the campaign.</summary>
    sealed class StoppingClock(CancellationTokenSource stop) : TimeProvider
    {
        public override long GetTimestamp()
        {
            stop.Cancel();
            return base.GetTimestamp();
        }
    }

    /// It held the lease for T, in which nobody could serve, and then won the next race, too.
    [Fact]
    public async Task A_host_that_cannot_take_the_pool_over_gives_the_lease_back_at_once()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        var domain = await PoolDomain.OpenAsync(lun);
        lun.BeforeWrite = (lane, _) => lane == "metadata" ? throw new IOException("this path is broken") : Task.CompletedTask;
        using var stop = new CancellationTokenSource();
        var role = new SpmRole(domain, member, clock, new PoolCounters(), _ => { });
        var running = role.RunAsync(new TaskCompletionSource<LeaseLost>().Task, stop.Token);
        // A domain is made under epoch 1, so the first lease is too low, and a look later the second one is tried.
        await AsyncWait.UntilAsync(() =>
        {
            clock.Pass(TimeSpan.FromMilliseconds(10));
            return role.LastProblem?.Contains("but not the pool", StringComparison.Ordinal) == true;
        });
        // From here on no time passes: whatever waits for it does not happen.
        await AsyncWait.UntilAsync(() => member.SpmLease!.HeldVersion == 0);
        Assert.True(member.IsValid);
        await AsyncWait.UntilAsync(() => member.SpmLease!.PeekAsync().AsTask().Result.IsFree);
        await stop.CancelAsync();
        await DriveAsync(running);
    }

    /// R27: the acquisition ended with an unknown outcome and was its after all; in maintenance this host does not campaign for the answer.
    [Fact]
    public async Task An_owner_that_does_not_know_it_gives_the_lease_back_also_in_maintenance()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        await member.WishAsync(new HostWishes(0, Maintenance: true));
        var domain = await PoolDomain.OpenAsync(lun);
        var forgotten = new ResourceLease(
            domain.Leases, domain.SpmLeaseOffset, domain.Geometry, domain.Lockspace, PoolDomain.SpmResource, member.Keeper!, clock, new TestChoice());
        Assert.IsType<AcquireOutcome.Acquired>(await DriveAsync(forgotten.AcquireAsync(new AcquireOptions(), CancellationToken.None).AsTask()));
        Assert.False((await member.SpmLease!.PeekAsync()).IsFree);
        using var stop = new CancellationTokenSource();
        var running = new SpmRole(domain, member, clock, new PoolCounters(), _ => { }).RunAsync(new TaskCompletionSource<LeaseLost>().Task, stop.Token);
        await AsyncWait.UntilAsync(() => member.SpmLease!.PeekAsync().AsTask().Result.IsFree);
        Assert.True(member.IsValid);
        await stop.CancelAsync();
        await DriveAsync(running);
    }

    /// A rejoin that is refused while guests write: there may never be a moment without a write of theirs.
    [Fact]
    public async Task A_host_id_that_is_not_kept_is_given_back_although_guests_go_on_writing()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        lun.DataWrites = new TaskCompletionSource().Task;
        await DriveAsync(member.LeaveServingAsync());
        Assert.False(member.IsValid);
        Assert.False(await (await MemberAsync(lun.OpenAgain(), 1, "b")).IsHeldByOtherAsync());
    }

    [Fact]
    public async Task And_is_left_to_expire_while_a_commit_of_its_own_is_out()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await JoinAsync(member);
        lun.ControlWrites = new TaskCompletionSource().Task;
        await DriveAsync(member.LeaveServingAsync());
        Assert.True(await (await MemberAsync(lun.OpenAgain(), 1, "b")).IsHeldByOtherAsync());
    }

    [Fact]
    public async Task Wishes_are_in_the_record_and_outlive_the_process_but_do_not_pass_to_another_machine()
    {
        var lun = await TestDomain.LunAsync();
        var member = await MemberAsync(lun, 1, "a");
        await Assert.ThrowsAsync<Refusal>(() => member.WishAsync(new HostWishes(7, true)));
        await JoinAsync(member);
        await member.WishAsync(new HostWishes(7, true));
        Assert.Equal((7, true), (member.RecordOf(1, 1)!.Preference, member.RecordOf(1, 1)!.Maintenance));
        await DriveAsync(member.LeaveAsync());
        var again = await MemberAsync(lun, 1, "a");
        await JoinAsync(again);
        Assert.Equal(new HostWishes(7, true), again.Wishes);
        await DriveAsync(again.LeaveAsync());
        var other = new Membership(
            await PoolDomain.OpenAsync(lun), Identity(1, "a", Guid.NewGuid(), "/state/1"), again.Timing, clock, new TestChoice());
        await JoinAsync(other);
        Assert.Equal(default, other.Wishes);
    }

    [Fact]
    public void The_lease_name_tells_machines_names_and_states_apart_and_fits()
    {
        var one = Identity(1, "node", Guid.NewGuid(), "/a");
        Assert.Equal(one.LeaseName, (one with { HostId = 2, BootId = Guid.NewGuid() }).LeaseName);
        Assert.Equal(4, new[] { one, one with { Name = "other" }, one with { MachineId = Guid.NewGuid() }, one with { StateDirectory = "/b" } }.Select(id => id.LeaseName).Distinct().Count());
        Assert.InRange((one with { Name = new string('ü', 300) + new string('x', 300) }).LeaseName.Length, 1, 48);
    }

    Task JoinAsync(Membership member) => DriveAsync(member.JoinAsync(CancellationToken.None));

    async Task<Membership> MemberAsync(ILun lun, int hostId, string name) => new(
        await PoolDomain.OpenAsync(lun), Identity(hostId, name, TestDomain.ThisMachine.MachineId, $"/state/{hostId}"),
        new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), clock, new TestChoice());

    static HostIdentity Identity(int hostId, string name, Guid machine, string state) =>
        new(hostId, name, state, machine, TestDomain.ThisMachine.BootId, "http://127.0.0.1:1", "test");

    async Task DriveAsync(Task task) => await DriveAsync(task.ContinueWith(ended => { ended.GetAwaiter().GetResult(); return 0; }, TaskScheduler.Default));

    /// <summary>Lets time pass until it is done: nothing here waits for a real clock.</summary>
    async Task<T> DriveAsync<T>(Task<T> task)
    {
        // What needs no time gets to its end first: on a busy machine a lease would expire before it is given back.
        while (await Task.WhenAny(task, Task.Delay(5)) != task)
        {
            clock.Pass(TimeSpan.FromMilliseconds(100));
        }
        return await task;
    }
}
