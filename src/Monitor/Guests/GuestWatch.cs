using System.Threading.Channels;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>The loop for one guest: keeps the thresholds of its disks set, asks for space, continues it after a pause.</summary>
/// <remarks>
/// One loop takes small actions from one queue and never waits for QEMU or the SPM in between: commands and requests are begun
/// there and put their outcome back into the queue. So a slow answer for one disk holds up no other, and nothing needs a lock.
/// The loop may run on the thread of whoever put an action in; it holds that thread only for the action.
/// </remarks>
public sealed partial class GuestWatch
{
    private readonly QmpConnection connection;
    private readonly GuestDisks disks;
    private readonly GuestWatchOptions options;
    private readonly TimeProvider clock;
    private readonly MonitorInstruments instruments;
    private readonly string name;
    private readonly Channel<Action> queue =
        Channel.CreateUnbounded<Action>(new() { AllowSynchronousContinuations = true, SingleReader = true });

    private CancellationToken stop;
    private ITimer? lookTimer;
    private QmpSession? session;
    private long sessions, runChanges;
    private bool looked, looking, lookAgain;
    private string runStatus = "unknown", lookTrouble = "";
    private volatile GuestState state;

    /// <param name="transport">To the guest's own QMP socket: QEMU serves one client per socket.</param>
    /// <param name="findVolume">Which volume a node is the protocol layer of; null for every node that is none.
    /// <see cref="NodeDescription.NbdSocketPath"/> and <see cref="VolumeKey.FromSocketPath"/> do it for served volumes.</param>
    public GuestWatch(
        IQmpTransport transport, Func<NodeDescription, VolumeKey?> findVolume, IExtendRequests requests, IStorageProbe storage, GrowthPolicy policy,
        TimeProvider clock, MonitorInstruments instruments, GuestWatchOptions? options = null)
    {
        this.options = options ?? GuestWatchOptions.Default;
        (this.storage, this.clock, this.instruments, name) = (storage, clock, instruments, transport.Name);
        pause = new(this.options.Pauses);
        connection = new(transport, this.options.Limits, this.options.Reconnect, clock);
        connection.Changed += () => Post(static () => { });
        disks = new(findVolume, requests, policy, clock, instruments, this.options, Post, SetThreshold, Resume);
        state = new(name, false, runStatus, connection.Trouble, 0, [], pause.Policy, false);
    }

    /// <summary>Snapshot; safe to read from anywhere.</summary>
    public GuestState State => state;

    /// <summary>Raised from the loop after <see cref="State"/> was renewed; must not block.</summary>
    public event Action<GuestState>? Changed;

    /// <summary>Runs until stopped. Survives a lost monitor, slow answers and refusals; throws only for broken invariants.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        this.stop = stop;
        disks.Stop = stop;
        using var timer = lookTimer = clock.CreateTimer(_ => Post(Look), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var following = FollowSessionsAsync();
        try
        {
            await foreach (var action in queue.Reader.ReadAllAsync(stop))
            {
                action();
                Publish();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        await following;
        state = state with { Connected = false, Detail = "the watch was stopped" };
    }

    /// <summary>Tells the watch that somebody else made a volume larger (absolute bytes, usable on this host). Call it without
    /// holding a lock.</summary>
    public void VolumeGrew(VolumeKey volume, long allocatedBytes) => Post(() => disks.Grew(volume, allocatedBytes));

    /// <summary>Looks at the guest's disks now, for example after one was plugged in: QEMU sends no event for that.</summary>
    public void LookNow() => Post(Look);

    private void Post(Action action) => queue.Writer.TryWrite(action);

    private void Publish()
    {
        var connected = session is not null && looked;
        var words = session is null ? killed.Length > 0 ? killed : connection.Trouble : lookTrouble.Length > 0 ? lookTrouble : resumeTrouble;
        state = new(name, connected, session is null ? "unknown" : runStatus, words, sessions, disks.Snapshot(), pause.Policy, pause.Stands);
        Changed?.Invoke(state);
    }

    private async Task FollowSessionsAsync()
    {
        await foreach (var opened in connection.SessionsAsync(stop))
        {
            Post(() => Begin(opened));
            try
            {
                await foreach (var happened in opened.Events.ReadAllAsync(stop))
                    Post(() => Take(opened, happened));
            }
            catch (QmpSessionException ended)
            {
                Post(() => Lose(opened, ended.Message));
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
        }
    }

    private void Begin(QmpSession opened)
    {
        (session, looked, looking, lookAgain, lookTrouble) = (opened, false, false, false, "");
        BeginPauses();
        sessions++;
        instruments.Sessions.Add(1);
        Look();
    }

    private void Lose(QmpSession ended, string reason)
    {
        if (session != ended)
            return;
        session = null;
        pause = pause.Interrupted();
        disks.DetachAll($"the monitor is lost: {reason}");
    }

    private void Take(QmpSession from, QmpEvent happened)
    {
        if (session != from)
            return;
        switch (happened.Name)
        {
            case "BLOCK_WRITE_THRESHOLD":
                disks.ThresholdPassed(happened);
                break;
            case "BLOCK_IO_ERROR":
                runChanges++;
                // werror=report and ignore do not stop the guest: it was told of the error, there is nothing to continue.
                if (happened.Data.Flag("nospace") && happened.Data.Text("action") == "stop"
                    && !disks.NoSpace(happened.Data.Text("node-name") ?? "", happened.ArrivedTimestamp))
                    Look(); // a disk plugged in since the last look
                break;
            case "RESUME":
                (runChanges, runStatus, resumeTrouble, pause) = (runChanges + 1, "running", "", pause.Interrupted());
                disks.Resumed();
                break;
            case "STOP":
                runChanges++;
                Look();
                break;
            // The graph may have changed: snapshots, merges, mirrors, disks pulled out.
            case "BLOCK_JOB_COMPLETED" or "BLOCK_JOB_CANCELLED" or "BLOCK_JOB_READY" or "DEVICE_DELETED":
                Look();
                break;
        }
    }

    /// <summary>Reads everything: at the start, after changes of the graph, and every so often in case an event was lost.</summary>
    private void Look()
    {
        if (session is not { } current)
            return;
        if (looking)
        {
            lookAgain = true;
            return;
        }
        looking = true;
        disks.BeginLook();
        Begin(async () =>
        {
            var (before, began) = (runChanges, Now);
            var look = await BlockLook.TakeAsync(current, stop);
            return () => Seen(look, began, before == runChanges);
        }, current, trouble =>
        {
            lookTrouble = $"cannot read the guest's disks: {trouble}";
            FinishLook(options.UnarmedPollInterval);
        });
    }

    private void Seen(BlockLook look, TimeSpan began, bool sameRun)
    {
        runStatus = look.RunStatus;
        (looked, lookTrouble) = (true, "");
        // A pause or resume that happened while looking makes what was seen of pauses old; the next look tells.
        disks.Seen(look, sameRun);
        if (sameRun)
            SeenRun(look, began);
        lookAgain |= !sameRun;
        FinishLook(disks.NeedPolling || NeedsClosePolling ? options.UnarmedPollInterval : options.PollInterval);
    }

    private void FinishLook(TimeSpan next)
    {
        looking = false;
        if (lookAgain)
        {
            lookAgain = false;
            Look();
            return;
        }
        lookTimer!.Change(next, Timeout.InfiniteTimeSpan);
    }

    private void SetThreshold(GuestDisk disk, long offsetBytes)
    {
        if (session is not { } current)
            return;
        var node = disk.NodeName;
        Begin(async () =>
        {
            await current.ExecuteAsync("block-set-write-threshold", json =>
            {
                json.WriteString("node-name", node);
                json.WriteNumber("write-threshold", offsetBytes);
            }, stop);
            return () => disks.ThresholdSet(disk, offsetBytes);
        }, current, trouble =>
        {
            disks.ThresholdFailed(disk, $"the threshold of node {node} was not set: {trouble}");
            lookTimer!.Change(options.UnarmedPollInterval, Timeout.InfiniteTimeSpan);
        });
    }

    /// <summary>Begins a conversation with QEMU; what it returns is done by the loop, if the session is still the same then.</summary>
    private async void Begin(Func<Task<Action>> talk, QmpSession current, Action<string> fail)
    {
        Action then;
        try
        {
            then = await talk();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
        catch (Exception trouble) when (trouble is QmpCommandException or QmpSessionException)
        {
            then = () => fail(trouble.Message);
        }
        Post(() =>
        {
            if (session == current)
                then();
        });
    }
}
