using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
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
        while (!task.IsCompleted)
        {
            clock.Pass(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }
        return await task;
    }
}
