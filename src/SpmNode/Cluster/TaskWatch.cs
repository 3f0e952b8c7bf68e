using System.Diagnostics;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Cluster;

/// <summary>Follows long work at the SPM to its end, over a change of SPM, too.</summary>
sealed class TaskWatch(NodeClient node, IProgress<double> progress, CancellationToken stop)
{
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(300);

    /// <summary>Longer than a failover takes with any timeouts in use is not needed: what became of the work can be asked at any time.</summary>
    static readonly TimeSpan SilenceLimit = TimeSpan.FromMinutes(5);

    /// <param name="id">The request's id, which becomes the task's.</param>
    /// <param name="volume">For people.</param>
    /// <returns>The result, or the volume as it is where nobody remembers the result.</returns>
    /// <exception cref="OperationCanceledException">It was stopped from here, and has ended.</exception>
    public async Task<VolumeReply> RunAsync(string? id, string path, object body, string volume) =>
        (await EndOfAsync(id, await node.BeginAsync(path, body))).Result ?? await node.GetVolumeAsync(volume);

    /// <summary>As <see cref="RunAsync"/>, of a deletion.</summary>
    /// <param name="query">Where the volume is, and what is asked.</param>
    public async Task<DeleteVolumeReply> DeleteAsync(string? id, string query, string volume) =>
        (await EndOfAsync(id, await node.BeginDeletionAsync(query))).Deleted ?? new DeleteVolumeReply(volume, 0, 0);

    async Task<TaskReply> EndOfAsync(string? id, TaskReply task)
    {
        // Ours, whatever the answer's: the next SPM knows it by this one.
        task = await FollowAsync(id is null ? task : task with { Task = id });
        if (task.State == "cancelled" || (stop.IsCancellationRequested && task.State == "failed"))
        {
            throw new OperationCanceledException($"task {task.Task} was cancelled; nothing of it is left");
        }
        return task.Error is { } why ? throw new Refusal(Enum.TryParse<RefusalCode>(task.Code, out var code) ? code : RefusalCode.Unavailable, why) : task;
    }

    async Task<TaskReply> FollowAsync(TaskReply task)
    {
        var (cancelled, heard) = (false, Stopwatch.GetTimestamp());
        while (!task.HasEnded)
        {
            progress.Report(task.Progress);
            try
            {
                if (stop.IsCancellationRequested && !cancelled)
                {
                    task = await node.CancelTaskAsync(task.Task);
                    cancelled = true;
                }
                else
                {
                    task = await node.TaskAsync(task.Task, LookInterval);
                }
                heard = Stopwatch.GetTimestamp();
            }
            catch (Refusal gone) when (gone.Code is RefusalCode.Unavailable or RefusalCode.NotLeader && Stopwatch.GetElapsedTime(heard) < SilenceLimit)
            {
                // Another SPM is being elected; it knows, or will know, what became of it.
                await Task.Delay(LookInterval, CancellationToken.None);
            }
            catch (Refusal lost) when (lost.Code == RefusalCode.NotFound)
            {
                throw Refusal.Unknown($"the SPM that worked on it ended before it had begun anything. Ask again: it is harmless. {lost.Message}");
            }
        }
        return task;
    }
}
