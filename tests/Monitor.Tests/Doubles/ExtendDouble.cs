using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>An SPM in the test's hand: answers at once, refuses, or keeps the caller waiting.</summary>
internal sealed class ExtendDouble : IExtendRequests
{
    public const long MaximumBytes = 10_000;

    private readonly List<(VolumeKey Volume, long Bytes, TaskCompletionSource<ExtendAnswer> Answer)> waiting = [];

    public Dictionary<VolumeKey, long> Allocated { get; } = [];

    public List<long> Asked { get; } = [];

    public bool Hold { get; set; }

    public string? Refusal { get; set; }

    /// <summary>Told when a volume is larger, before the answer goes out: the device grows first.</summary>
    public Action<VolumeKey, long> Grown { get; set; } = (_, _) => { };

    public ValueTask<ExtendAnswer> AskAsync(VolumeKey volume, long absoluteBytes, CancellationToken stop)
    {
        Asked.Add(absoluteBytes);
        if (Refusal is { } reason)
            return new(new ExtendAnswer.Refused(reason));
        if (!Hold)
            return new(Grow(volume, absoluteBytes));
        var answer = new TaskCompletionSource<ExtendAnswer>();
        waiting.Add((volume, absoluteBytes, answer));
        return new(answer.Task);
    }

    public ValueTask<VolumeSizes?> SizesAsync(VolumeKey volume, CancellationToken stop) =>
        new(Allocated.TryGetValue(volume, out var bytes) ? new VolumeSizes(bytes, MaximumBytes) : null);

    public void AnswerAll()
    {
        var now = waiting.ToArray();
        waiting.Clear();
        foreach (var (volume, bytes, answer) in now)
            answer.SetResult(Grow(volume, bytes));
    }

    private ExtendAnswer Grow(VolumeKey volume, long bytes)
    {
        Allocated[volume] = Math.Max(Allocated[volume], bytes);
        Grown(volume, Allocated[volume]);
        return new ExtendAnswer.Extended(Allocated[volume]);
    }
}
