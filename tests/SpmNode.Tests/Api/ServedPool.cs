using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Tasks;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>The one node of a pool in memory, SPM from the start, with its real tasks, transfers and API.</summary>
sealed class ServedPool : IAsyncDisposable
{
    readonly ServedNode served;

    ServedPool(TestTerm term, ServedNode served, NodeTasks tasks, NodeTransfers transfers) => (Term, this.served, Tasks, Transfers) = (term, served, tasks, transfers);

    public TestTerm Term { get; }

    public NodeTasks Tasks { get; }

    public NodeTransfers Transfers { get; }

    public string Url => served.Url;

    public RequestIds Ids { get; } = new(7, Guid.NewGuid());

    public static async Task<ServedPool> StartAsync(TestTerm term, TimeProvider? clock = null)
    {
        var identity = new HostIdentity(1, "spm", "/1", TestDomain.ThisMachine.MachineId, TestDomain.ThisMachine.BootId, "", "test");
        var member = new Membership(term.Domain, identity, new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), TimeProvider.System, new TestChoice());
        var verbs = new PoolVerbs(term.Term, term.Maps, member, new MarkingImager(term.Lun), new TestChoice(9), TimeProvider.System, new PoolCounters(), _ => { });
        var tasks = new NodeTasks(() => verbs, new RequestIds(1, Guid.NewGuid()), clock ?? TimeProvider.System);
        var transfers = new NodeTransfers(tasks, () => verbs, clock ?? TimeProvider.System);
        var node = new ScriptedNode { Domain = $"{term.Domain.Uuid}", Tasks = tasks, Transfers = transfers, Known = [] };
        var served = await ServedNode.StartAsync(node);
        node.LeaderUrl = served.Url;
        return new ServedPool(term, served, tasks, transfers);
    }

    public ValueTask DisposeAsync() => served.DisposeAsync();
}
