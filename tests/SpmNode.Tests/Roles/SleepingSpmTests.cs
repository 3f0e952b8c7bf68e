using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Roles;

/// R26: an SPM whose machine goes to sleep.
public sealed class SleepingSpmTests : IAsyncDisposable
{
    readonly ManualClock clock = new();
    readonly CancellationTokenSource stop = new();
    readonly SleepGate gate = new();
    Membership member = null!;
    Succession succession = null!;
    SpmRole role = null!;
    Task running = Task.CompletedTask;

    [Fact]
    public async Task Gives_the_lease_back_and_leaves_it_to_others_until_it_is_awake()
    {
        await LeadAsync(new Peers(), others: 0);
        await UntilAsync(gate.CloseAsync());
        Assert.Null(role.Term);
        // At the first look it would take the free lease.
        for (var looks = 0; looks < 5; looks++)
        {
            await UntilAsync(role.NextLook);
        }
        Assert.True((await member.SpmLease!.PeekAsync()).IsFree);
        Assert.Equal("its machine goes to sleep", (await role.HearAsync(new HandOverNotice(HandOverStage.Prepare, 2, 9, 1))).Why);
        gate.Open();
        await UntilAsync(() => role.Term is not null);
    }

    /// The network may be down in a moment: a message that is not out then comes hours late.
    [Fact]
    public async Task Hands_over_to_a_host_that_is_ready_and_may_sleep_when_that_one_was_told()
    {
        var peers = new Peers();
        peers.Ready.SetResult();
        await LeadAsync(peers, others: 1);
        var closed = gate.CloseAsync();
        await UntilAsync(() => peers.Stages.Contains(HandOverStage.Released));
        Assert.Equal([HandOverStage.Prepare, HandOverStage.Released], peers.Stages.Where(stage => stage != HandOverStage.Taken));
        Assert.True((await member.SpmLease!.PeekAsync()).IsFree);
        Assert.False(closed.IsCompleted);
        peers.Heard.SetResult();
        await UntilAsync(closed);
    }

    [Fact]
    public async Task Steps_down_although_nobody_says_that_it_is_ready()
    {
        await LeadAsync(new Peers(), others: 1);
        await UntilAsync(gate.CloseAsync());
        Assert.True((await member.SpmLease!.PeekAsync()).IsFree);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await UntilAsync(running);
        stop.Dispose();
    }

    async Task LeadAsync(Peers peers, int others)
    {
        var lun = await TestDomain.LunAsync();
        for (var id = 2; id < 2 + others; id++)
        {
            var other = await MemberAsync(lun.OpenAgain(), id);
            await UntilAsync(other.JoinAsync(CancellationToken.None));
        }
        member = await MemberAsync(lun, 1);
        await UntilAsync(member.JoinAsync(CancellationToken.None));
        // Its clock stands still: whoever does not answer is waited for without end.
        succession = new Succession(member, peers, new ManualClock());
        role = new SpmRole(await PoolDomain.OpenAsync(lun), member, clock, new PoolCounters(), _ => { }, succession) { Sleep = gate };
        running = Task.WhenAll(role.RunAsync(member.Keeper!.RunAsync(CancellationToken.None), stop.Token));
        await UntilAsync(() => role.Term is not null && succession.Candidates().Count == others);
    }

    Task UntilAsync(Task task) => UntilAsync(() => task.IsCompleted);

    /// <summary>Lets time pass until it is so. In steps so small that whatever is due in one gets to its end before a lease runs out.</summary>
    Task UntilAsync(Func<bool> holds) => AsyncWait.UntilAsync(() =>
    {
        clock.Pass(TimeSpan.FromMilliseconds(20));
        return holds();
    });

    async Task<Membership> MemberAsync(ILun lun, int hostId) => new(
        await PoolDomain.OpenAsync(lun),
        new(hostId, $"host{hostId}", $"/state/{hostId}", TestDomain.ThisMachine.MachineId, TestDomain.ThisMachine.BootId, "http://127.0.0.1:1", "test"),
        new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), clock, new TestChoice());

    sealed class Peers : IPeerNotices
    {
        readonly List<HandOverStage> stages = [];

        /// <summary>Completes when the other host is ready.</summary>
        public TaskCompletionSource Ready { get; } = new();

        /// <summary>Completes when it has heard that the lease is free.</summary>
        public TaskCompletionSource Heard { get; } = new();

        public HandOverStage[] Stages
        {
            get
            {
                lock (stages)
                {
                    return [.. stages];
                }
            }
        }

        public async Task<HandOverNoticeReply> TellAsync(string url, HandOverNotice notice)
        {
            lock (stages)
            {
                stages.Add(notice.Stage);
            }
            await (notice.Stage switch
            {
                HandOverStage.Prepare => Ready.Task,
                HandOverStage.Released => Heard.Task,
                _ => Task.CompletedTask,
            });
            return new HandOverNoticeReply(true, null);
        }

        public Task<HandOverReply> AskForHandOverAsync(string url, HandOverRequest request) => throw Refusal.Unavailable("nobody asks here");
    }
}
