using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>The disks of one guest: which event is whose, and who asks the SPM. Only the guest's loop comes in here.</summary>
internal sealed class GuestDisks(
    Func<NodeDescription, VolumeKey?> findVolume, IExtendRequests requests, GrowthPolicy policy, TimeProvider clock,
    MonitorInstruments instruments, GuestWatchOptions options, Action<Action> post, Action<GuestDisk, long> setThreshold, Action resume)
{
    private readonly List<GuestDisk> disks = [];
    private IReadOnlyDictionary<string, string> below = new Dictionary<string, string>();

    public CancellationToken Stop { get; set; }

    public bool NeedPolling => disks.Any(disk => disk.Present && !disk.Attached || disk.Watch.NeedsPolling);

    public bool AllPausedHaveSpace => disks.All(disk => !disk.FoundPaused && (!disk.Attached || disk.Watch.HasSpace));

    public DiskState[] Snapshot() => [.. disks.Select(disk => disk.Snapshot)];

    /// <summary>Null when it is none of ours. A pause this loop has not heard of yet has not been given space yet either.</summary>
    public bool? HasSpace(string nodeName) =>
        OfNode(nodeName) is { } disk ? disk is { Attached: true, Watch: { Paused: true, HasSpace: true } } : null;

    /// <summary>Volumes under the disks whose I/O failed.</summary>
    public IReadOnlyList<VolumeKey> Failed => [.. disks.Where(disk => disk.Failed).Select(disk => disk.Volume)];

    /// <summary>Null when it is none of ours.</summary>
    public VolumeKey? VolumeOf(string nodeName) => OfNode(nodeName)?.Volume;

    public void ThresholdPassed(QmpEvent happened)
    {
        var data = happened.Data;
        if (OfNode(data.Text("node-name") ?? "") is not { } disk)
            return; // not ours, or not ours any more
        disk.ThresholdTouched = true;
        if (!disk.Attached)
            return; // its sizes are on their way, and it starts without a threshold
        instruments.ThresholdEvents.Add(1);
        var (threshold, beyond) = (Math.Max(0, data.Number("write-threshold") ?? 0), Math.Max(0, data.Number("amount-exceeded") ?? 0));
        var end = threshold > long.MaxValue - beyond ? long.MaxValue : threshold + beyond;
        Step(disk, new DiskInput.ThresholdPassed(end), happened.ArrivedTimestamp);
    }

    /// <returns>False when no disk of ours is under that node.</returns>
    public bool NoSpace(string nodeName, long timestamp)
    {
        if (OfNode(nodeName) is not { } disk)
            return false;
        if (!disk.Attached)
        {
            disk.FoundPaused = true;
            return true;
        }
        if (!disk.Watch.Paused)
            instruments.Paused(byError: false);
        Step(disk, new DiskInput.NoSpace(), timestamp);
        return true;
    }

    public void Resumed()
    {
        foreach (var disk in disks)
        {
            (disk.FoundPaused, disk.Failed) = (false, false);
            Step(disk, new DiskInput.Resumed());
        }
    }

    public void Grew(VolumeKey volume, long allocatedBytes)
    {
        foreach (var disk in disks.Where(disk => disk.Volume == volume))
        {
            // What was asked for and refused came another way (a held write asks, too): the guest has waited just as long.
            if (disk.Watch.OpenRequest is null && allocatedBytes > disk.Watch.AllocatedBytes)
                CountExtend(disk, clock.GetTimestamp());
            Step(disk, new DiskInput.Grew(allocatedBytes));
        }
    }

    public void ThresholdSet(GuestDisk disk, long offsetBytes) => Step(disk, new DiskInput.ThresholdSet(offsetBytes));

    public void ThresholdFailed(GuestDisk disk, string reason) => Step(disk, new DiskInput.ThresholdFailed(reason));

    public void BeginLook()
    {
        foreach (var disk in disks)
            disk.ThresholdTouched = false;
    }

    /// <param name="pausesHold">Whether what the look says about pauses is still so.</param>
    public void Seen(BlockLook look, bool pausesHold)
    {
        below = look.Below;
        HashSet<GuestDisk> present = [];
        foreach (var node in look.Nodes.Values.Where(node => !node.ReadOnly))
            if (findVolume(node) is { } volume)
                present.Add(Find(volume, node));

        foreach (var disk in disks.Where(disk => disk.Present && !present.Contains(disk)))
            Detach(disk, $"node {disk.NodeName} is gone: the disk was pulled out or replaced");

        foreach (var disk in disks.Where(disk => disk.Attached))
            Step(disk, new DiskInput.Polled(look.HighestBytes.GetValueOrDefault(disk.NodeName),
                disk.ThresholdTouched ? null : look.Nodes[disk.NodeName].WriteThresholdBytes));
        if (pausesHold)
            ApplyPauses(look);
    }

    public void DetachAll(string reason)
    {
        foreach (var disk in disks)
            Detach(disk, reason);
    }

    private void ApplyPauses(BlockLook look)
    {
        HashSet<string> Bottoms(string ioStatus) =>
            [.. look.Devices.Where(device => device.IoStatus == ioStatus).Select(device => BlockLook.Bottom(below, device.NodeName))];

        var (runStatus, outOfSpace, failed) = (look.RunStatus, Bottoms("nospace"), Bottoms("failed"));
        foreach (var disk in disks.Where(disk => disk.Present))
        {
            disk.Failed = failed.Contains(disk.NodeName) && runStatus != "running";
            var paused = outOfSpace.Contains(disk.NodeName) && runStatus != "running";
            if (paused && !disk.Watch.Paused)
                NoSpace(disk.NodeName, clock.GetTimestamp());
            else if (!paused && disk.Watch.Paused && runStatus == "running")
                Step(disk, new DiskInput.Resumed());
        }
    }

    private GuestDisk? OfNode(string nodeName)
    {
        var bottom = BlockLook.Bottom(below, nodeName);
        return disks.Find(disk => disk.Present && disk.NodeName == bottom);
    }

    private GuestDisk Find(VolumeKey volume, NodeDescription node)
    {
        if (disks.Find(disk => disk.Present && disk.Volume == volume && disk.NodeName == node.NodeName) is { } known)
        {
            if (!known.Attached && !known.Attaching)
                Attach(known, node);
            return known;
        }
        var disk = disks.Find(disk => !disk.Present && disk.Volume == volume);
        if (disk is null)
            disks.Add(disk = new(volume, node.NodeName, policy, options.ImplausibleBytes, clock));
        (disk.Present, disk.NodeName) = (true, node.NodeName);
        Attach(disk, node);
        return disk;
    }

    private void Attach(GuestDisk disk, NodeDescription node)
    {
        (disk.Attaching, disk.ThresholdTouched) = (true, false);
        AttachAsync(disk, ++disk.Attachment, node.WriteThresholdBytes);
    }

    private async void AttachAsync(GuestDisk disk, int attachment, long armedBytes)
    {
        using var timeout = new CancellationTokenSource(options.AskTimeout, clock);
        using var stopping = Stop.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), timeout);
        VolumeSizes? sizes = null;
        var reason = "the volume is not active on this host";
        try
        {
            sizes = await requests.SizesAsync(disk.Volume, timeout.Token).AsTask().WaitAsync(timeout.Token);
        }
        catch (Exception error)
        {
            reason = $"the volume's sizes are not known: {error.Message}";
        }
        post(() => Attached(disk, attachment, sizes, reason, armedBytes));
    }

    private void Attached(GuestDisk disk, int attachment, VolumeSizes? sizes, string reason, long armedBytes)
    {
        if (!disk.Present || disk.Attachment != attachment)
            return; // asked in an earlier session
        disk.Attaching = false;
        disk.Trouble = sizes is null ? reason : "";
        if (sizes is not { } known)
            return; // the next look tries again
        disk.Attached = true;
        Step(disk, new DiskInput.Attached(disk.NodeName, known, disk.ThresholdTouched ? 0 : armedBytes));
        if (!disk.FoundPaused)
            return;
        disk.FoundPaused = false;
        NoSpace(disk.NodeName, clock.GetTimestamp());
    }

    private void Detach(GuestDisk disk, string reason)
    {
        (disk.Present, disk.Attached, disk.Attaching, disk.FoundPaused, disk.Failed, disk.Trouble) = (false, false, false, false, false, "");
        disk.Attachment++;
        Step(disk, new DiskInput.Detached(reason));
    }

    private void Step(GuestDisk disk, DiskInput input, long? timestamp = null)
    {
        foreach (var effect in disk.Step(input, timestamp ?? clock.GetTimestamp()))
        {
            switch (effect)
            {
                case DiskEffect.SetThreshold set:
                    setThreshold(disk, set.OffsetBytes);
                    break;
                case DiskEffect.AskExtend ask:
                    disk.NeededSince ??= timestamp ?? clock.GetTimestamp();
                    AskAsync(disk, ask);
                    break;
                case DiskEffect.RetryLater later:
                    RetryAsync(disk, later);
                    break;
                case DiskEffect.Resume:
                    resume();
                    break;
            }
        }
    }

    private async void AskAsync(GuestDisk disk, DiskEffect.AskExtend ask)
    {
        var answer = await AnswerAsync(disk.Volume, ask.AbsoluteBytes);
        var answered = clock.GetTimestamp();
        post(() => Answered(disk, ask.Request, answer, answered));
    }

    /// <summary>A port that throws or never answers must not end the watch of the other disks: it counts as refused.</summary>
    private async Task<ExtendAnswer> AnswerAsync(VolumeKey volume, long absoluteBytes)
    {
        using var timeout = new CancellationTokenSource(options.AskTimeout, clock);
        using var stopping = Stop.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), timeout);
        try
        {
            return await requests.AskAsync(volume, absoluteBytes, timeout.Token).AsTask().WaitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            return new ExtendAnswer.Refused($"no answer within {options.AskTimeout.TotalSeconds:0.#} s; is there an SPM?");
        }
        catch (Exception error)
        {
            return new ExtendAnswer.Refused(error.Message);
        }
    }

    private void Answered(GuestDisk disk, long request, ExtendAnswer answer, long answered)
    {
        var isOpen = disk.Watch.OpenRequest == request;
        DiskInput input = answer switch
        {
            ExtendAnswer.Extended extended => new DiskInput.Extended(request, extended.AllocatedBytes),
            ExtendAnswer.Refused refused => new DiskInput.Refused(request, refused.Reason),
            _ => throw new InvalidOperationException($"unknown answer {answer}"),
        };
        if (isOpen && answer is ExtendAnswer.Extended)
            CountExtend(disk, answered);
        if (isOpen)
            instruments.Extends.Add(1, new KeyValuePair<string, object?>("outcome", answer is ExtendAnswer.Extended ? "extended" : "refused"));
        Step(disk, input);
    }

    private void CountExtend(GuestDisk disk, long answered)
    {
        if (disk.NeededSince is not { } since)
            return; // nobody waited
        var took = clock.GetElapsedTime(since, answered);
        disk.NeededSince = null;
        disk.CountExtend(took);
        instruments.ExtendLatency.Record(took.TotalSeconds);
    }

    private async void RetryAsync(GuestDisk disk, DiskEffect.RetryLater later)
    {
        try
        {
            await Task.Delay(options.AskAgain.After(later.Failures), clock, Stop);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        post(() => Step(disk, new DiskInput.RetryDue(later.Request)));
    }
}
