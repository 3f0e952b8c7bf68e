using System.Text.Json;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>What becomes of a guest that QEMU stopped.</summary>
public sealed partial class GuestWatch
{
    private readonly IStorageProbe storage;
    private StoragePause pause;
    private bool resuming, resumeAgain, killing;
    private string resumeTrouble = "", killed = "";

    private TimeSpan Now => clock.GetElapsedTime(0);

    // The limit of a guest that is to be killed counts from the last look that saw it run: the closer these are, the longer it may still go on.
    private bool NeedsClosePolling => pause.Stands || resumeTrouble.Length > 0 || pause.Policy.Behavior is ResumeBehavior.Kill;

    /// <summary>From now on; a pause that lasts is judged by the new one, too.</summary>
    public void Use(PausePolicy policy) => Post(() =>
    {
        pause = pause with { Policy = policy };
        Look();
    });

    private void BeginPauses()
    {
        (resuming, resumeAgain, killing, resumeTrouble, killed) = (false, false, false, "", "");
        pause = pause.Interrupted();
    }

    private void SeenRun(BlockLook look, TimeSpan began)
    {
        var (stood, any) = (pause.Stands, look.Devices.Any(HasFailed));
        pause = pause.Saw(began, Now, look.RunStatus, disks.Failed.Count > 0, any);
        if (look.RunStatus == "running")
            resumeTrouble = "";
        if (pause.Stands && !stood)
            instruments.Paused(byError: true);
        if (pause.Judge(Now) is PauseVerdict.Kill)
            Kill();
        else if (look.RunStatus == "io-error" && any && !resuming)
            Resume();
    }

    private void Resume()
    {
        if (session is not { } current || !disks.AllPausedHaveSpace)
            return;
        if (resuming)
        {
            resumeAgain = true;
            return;
        }
        resuming = true;
        if (pause.Judge(Now) is not PauseVerdict.Try)
        {
            AskWhetherToResume(current, new Dictionary<VolumeKey, StorageVerdict>(), Now);
            return;
        }
        var (failed, began) = (disks.Failed.Distinct().ToArray(), Now);
        Begin(async () =>
        {
            var verdicts = await Task.WhenAll(failed.Select(ProbeAsync));
            return () => AskWhetherToResume(current, failed.Zip(verdicts).ToDictionary(), began);
        }, current, FinishResume);
    }

    private void AskWhetherToResume(QmpSession current, IReadOnlyDictionary<VolumeKey, StorageVerdict> probed, TimeSpan began) => Begin(async () =>
    {
        var before = runChanges;
        var (word, devices) = await AskRunAsync(current);
        return () =>
        {
            var byError = devices.Any(HasFailed);
            var verdict = ResumeRule.Judge(word, devices, disks.HasSpace, node => AfterError(node, probed, Now - began));
            // What was probed was probed for the pause that was seen: another is judged anew, with the next look.
            if (byError && before != runChanges && verdict is ResumeVerdict.Continue)
                FinishResume("");
            else
                Resume(current, verdict, byError, before == runChanges);
        };
    }, current, FinishResume);

    private StorageVerdict? AfterError(string nodeName, IReadOnlyDictionary<VolumeKey, StorageVerdict> probed, TimeSpan age) =>
        disks.VolumeOf(nodeName) is not { } volume ? null
        // Judged last: the storage may have kept the probe past the limit.
        : pause.Judge(Now) switch
        {
            PauseVerdict.Hold hold => new StorageVerdict.Broken(hold.Reason),
            // R12: a verdict of long ago (QEMU was slow, this process stood still) says nothing of now: the host id may be gone.
            PauseVerdict.Try when age <= 2 * options.ProbeTimeout && probed.TryGetValue(volume, out var verdict) => verdict,
            _ => new StorageVerdict.Broken("its storage is looked at again in a moment"),
        };

    /// <summary>A port that throws or never answers has not found the storage whole.</summary>
    private async Task<StorageVerdict> ProbeAsync(VolumeKey volume)
    {
        using var timeout = new CancellationTokenSource(options.ProbeTimeout, clock);
        using var stopping = stop.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), timeout);
        try
        {
            return await storage.ProbeAsync(volume, timeout.Token).AsTask().WaitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            return new StorageVerdict.Broken($"its storage does not answer within {options.ProbeTimeout.TotalSeconds:0.#} s");
        }
        catch (Exception error)
        {
            return new StorageVerdict.Broken(error.Message);
        }
    }

    private void Resume(QmpSession current, ResumeVerdict verdict, bool byError, bool sameRun)
    {
        switch (verdict)
        {
            case ResumeVerdict.Continue:
                Begin(async () =>
                {
                    var sent = Now;
                    await current.ExecuteAsync("cont", null, stop);
                    return () =>
                    {
                        // The RESUME event says when; the reply to cont only says that QEMU heard.
                        instruments.Resumed(byError);
                        if (byError)
                            pause = pause.Continued(sent);
                        FinishResume("");
                    };
                }, current, trouble => FinishResume($"its disks could go on, but the guest was not continued: {trouble}"));
                break;
            case ResumeVerdict.Runs when sameRun:
                disks.Resumed();
                FinishResume("");
                break;
            case ResumeVerdict.Leave leave:
                FinishResume(leave.Reason);
                break;
            default:
                FinishResume("");
                break;
        }
    }

    private void FinishResume(string trouble)
    {
        (resuming, resumeTrouble) = (false, trouble);
        if (!resumeAgain)
            return;
        resumeAgain = false;
        Resume();
    }

    private void Kill()
    {
        if (session is not { } current || killing)
            return;
        killing = true;
        Begin(async () =>
        {
            var before = runChanges;
            var (word, devices) = await AskRunAsync(current);
            return () =>
            {
                // Somebody may have continued or stopped it since the look.
                if (word == "io-error" && devices.Any(HasFailed) && before == runChanges && pause.Judge(Now) is PauseVerdict.Kill verdict)
                    Quit(current, verdict.Stood);
                else
                    killing = false;
            };
        }, current, trouble => (killing, resumeTrouble) = (false, $"it stood for too long and was not killed: {trouble}"));
    }

    private void Quit(QmpSession current, TimeSpan stood)
    {
        killed = $"killed by its policy: it stood on a storage error for {stood.TotalSeconds:0} s";
        instruments.Kills.Add(1);
        // R16: the requests that failed wait in the guest's device, not in the storage, so nothing has to drain.
        Begin(async () =>
        {
            await current.ExecuteAsync("quit", null, stop);
            return () => { };
        }, current, trouble => (killing, resumeTrouble) = (false, $"it stood for too long and was not killed: {trouble}"));
    }

    private async Task<(string RunStatus, IReadOnlyList<DeviceStatus> Devices)> AskRunAsync(QmpSession current)
    {
        var status = current.ExecuteAsync("query-status", null, stop).AsTask();
        var devices = current.ExecuteAsync("query-block", null, stop).AsTask();
        await Task.WhenAll(status, devices);
        return ((await status).Text("status") ?? "unknown", BlockLook.ReadDevices(await devices));
    }

    private static bool HasFailed(DeviceStatus device) => device.IoStatus == "failed";
}
