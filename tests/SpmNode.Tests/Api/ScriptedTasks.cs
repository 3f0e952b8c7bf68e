using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tasks;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>A board of its own; each task ends when the test says so.</summary>
sealed class ScriptedTasks : ITaskVerbs
{
    public TaskBoard Board { get; } = new();

    public TaskCompletionSource<VolumeReply> Work { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IProgress<double>? Progress { get; private set; }

    public TaskReply Begin(CreateVolumeRequest request) => Begin(request.Request!, "copy", request.Volume);

    public TaskReply Begin(string reference, VolumeChange change) => Begin(change.Request!, "merge", reference);

    public TaskReply Begin(ArrivalRequest request) => Begin(request.Request!, "move", request.Volume);

    public async Task<VolumeReply> EndOfAsync(TaskReply begun) => await Work.Task;

    public TaskCompletionSource<DeleteVolumeReply> Deletion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskReply BeginDeletion(string reference, string? request, bool wipe, bool discard) => Board.Begin(
        request!, $"delete {(wipe ? "wipe" : "")}{(discard ? "discard" : "")}", reference, "it is brought to its end", progress =>
        {
            Progress = progress;
            return Deletion.Task;
        });

    public IReadOnlyList<TaskReply> List() => Board.List();

    public async Task<TaskReply> GetAsync(string task, TimeSpan wait)
    {
        await Task.WhenAny(Board.EndOf(task), Task.Delay(wait));
        return Board.Find(task) ?? throw Refusal.NotFound($"there is no task {task}.");
    }

    public TaskReply Cancel(string task) => Board.Cancel(task) ?? throw Refusal.NotFound($"there is no task {task}.");

    TaskReply Begin(string id, string kind, string volume) => Board.Begin(id, kind, volume, null, async (progress, stop) =>
    {
        Progress = progress;
        return await Work.Task.WaitAsync(stop);
    });
}
