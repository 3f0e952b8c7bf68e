using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Tests.Activation;

/// <summary>An SPM that notes what it is asked and answers when the test says so.</summary>
internal sealed class ScriptedGrowth : IGrowthRequests
{
    readonly Lock guard = new();
    readonly Queue<TaskCompletionSource<GrowthAnswer>> open = [];

    public List<long> Asked { get; } = [];

    public Task<GrowthAnswer> AskAsync(long absoluteBytesWanted, CancellationToken stop)
    {
        lock (guard)
        {
            Asked.Add(absoluteBytesWanted);
            var answer = new TaskCompletionSource<GrowthAnswer>();
            open.Enqueue(answer);
            return answer.Task;
        }
    }

    public void Answer(GrowthAnswer answer)
    {
        TaskCompletionSource<GrowthAnswer> first;
        lock (guard)
        {
            first = open.Dequeue();
        }

        first.SetResult(answer);
    }
}
