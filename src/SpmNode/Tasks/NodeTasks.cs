using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Tasks;

/// <summary>The long work of a node while it is SPM.</summary>
/// <param name="leading">The verbs of the term that lasts; refuses when there is none.</param>
/// <param name="ids">For work whose caller numbers nothing.</param>
sealed class NodeTasks(Func<PoolVerbs> leading, RequestIds ids, TimeProvider clock) : ITaskVerbs
{
    static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    readonly TaskBoard board = new();

    public TaskReply Begin(CreateVolumeRequest request)
    {
        var (id, verbs) = (Id(request.Request), leading());
        return board.Begin(
            id, request.Source is null ? "create" : "copy", request.Volume, null, (progress, stop) => verbs.CreateVolumeAsync(request with { Request = id }, progress, stop));
    }

    public TaskReply Begin(string reference, VolumeChange change)
    {
        var (id, verbs) = (Id(change.Request), leading());
        var kind = change.GetType().Name.ToLowerInvariant();
        return board.Begin(
            id, kind, reference, $"a {kind} is not cancelled: what it has begun could not be read half-way, so it is brought to its end, by the next SPM if need be.",
            (progress, _) => verbs.ChangeVolumeAsync(reference, change with { Request = id }, progress));
    }

    public TaskReply BeginDeletion(string reference, string? request, bool wipe, bool discard)
    {
        var (id, verbs) = (Id(request), leading());
        return board.Begin(
            id, "delete", reference, "a deletion that empties the volume is not cancelled: part of it may be gone already, so it is brought to its end, by the next SPM if need be.",
            progress => verbs.DeleteVolumeAsync(reference, id, wipe, discard, progress));
    }

    public TaskReply Begin(ArrivalRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Volume) || string.IsNullOrWhiteSpace(request.From))
        {
            throw Refusal.Invalid("what moves, and from where? 'volume' names it, 'from' is the address of a node that it leaves.");
        }
        var (id, verbs) = (Id(request.Request), leading());
        return board.Begin(id, "move", request.Volume, null, async (progress, stop) =>
        {
            await using var source = await RemoteMoveSource.OpenAsync(request.From, ids, clock);
            return await verbs.ReceiveVolumeAsync(source, request.Volume, id, progress, stop);
        });
    }

    public TaskReply Begin(string id, string kind, string volume, Func<IProgress<double>, CancellationToken, Task<VolumeReply>> act) =>
        board.Begin(id, kind, volume, null, act);

    public TaskReply? Find(string id) => board.Find(id);

    public Task EndOf(string id) => board.EndOf(id);

    /// <summary>For whoever waits for the work itself.</summary>
    /// <exception cref="Refusal">Why there is no result.</exception>
    public async Task<VolumeReply> EndOfAsync(TaskReply begun)
    {
        var ended = await EndAsync(begun);
        return ended.Result ?? throw Why(ended);
    }

    /// <summary>As <see cref="EndOfAsync"/>, of a deletion.</summary>
    public async Task<DeleteVolumeReply> EndOfDeletionAsync(TaskReply begun)
    {
        var ended = await EndAsync(begun);
        return ended.Deleted ?? throw Why(ended);
    }

    async Task<TaskReply> EndAsync(TaskReply begun)
    {
        await board.EndOf(begun.Task);
        return board.Find(begun.Task) ?? begun;
    }

    static Refusal Why(TaskReply ended) => ended switch
    {
        { Error: { } why, Code: { } code } => new Refusal(Enum.Parse<RefusalCode>(code), why),
        { State: "cancelled" } => Refusal.Conflict($"task {ended.Task} was cancelled while it ran; nothing of it is left."),
        _ => Refusal.Unavailable($"what became of task {ended.Task} is not kept any more; ask again with the same id."),
    };

    public IReadOnlyList<TaskReply> List() => board.List();

    public async Task<TaskReply> GetAsync(string task, TimeSpan wait)
    {
        if (wait > TimeSpan.Zero)
        {
            await Task.WhenAny(board.EndOf(task), Task.Delay(wait < LongestWait ? wait : LongestWait, clock));
        }
        return board.Find(task) ?? Remembered(task);
    }

    public TaskReply Cancel(string task) => board.Cancel(task) ?? Remembered(task);

    /// <summary>R24: what the journal says of one that a former SPM began.</summary>
    TaskReply Remembered(string task)
    {
        if (!RequestId.TryParse(task, out var id))
        {
            throw Refusal.Invalid($"'{task}' is not the id of a task: HOST.LIFE.NUMBER is expected, as 'spm task list' prints it.");
        }
        return leading().Recall(id) ?? throw Refusal.NotFound($"there is no task {task}. One whose SPM ended before it began anything leaves no trace; ask for the work again with the same id.");
    }

    /// <summary>The id under which a request's task runs: its own, or a new one.</summary>
    public string Id(string? request) => request is null ? ids.Next()
        : RequestId.TryParse(request, out _) ? request
        : throw Refusal.Invalid("the request's id is not one: HOST.LIFE.NUMBER is expected, e.g. 3.0f8fad5bd9cb469fa16570867728950e.17. Leave it out, or fix the caller.");
}
