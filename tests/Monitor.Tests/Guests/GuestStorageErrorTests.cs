using System.Diagnostics.Metrics;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Tests.Doubles;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Guests;

/// <summary>A guest that QEMU stopped because its storage failed. The doubles run inline, as in <see cref="GuestWatchTests"/>.</summary>
public sealed class GuestStorageErrorTests : IAsyncDisposable
{
    private static readonly VolumeKey Key = new(new Guid(1, 0, 0, new byte[8]), new Guid(2, 0, 0, new byte[8]));

    private readonly TestClock clock = new();
    private readonly GuestDouble guest = new();
    private readonly ExtendDouble spm = new();
    private readonly ProbeDouble storage = new();
    private readonly Meter meter = new(MonitorInstruments.MeterName);
    private readonly MeterListener listener = new();
    private readonly Dictionary<string, long> counted = [];
    private readonly CancellationTokenSource stop = new();
    private readonly GuestWatch watch;
    private readonly GuestDouble.Disk disk, foreign;
    private readonly Task running;

    public GuestStorageErrorTests()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        listener.InstrumentPublished = (instrument, to) => { if (instrument.Meter == meter) to.EnableMeasurementEvents(instrument); };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var name = tags.Length == 0 ? instrument.Name : $"{instrument.Name} {tags[0].Value}";
            counted[name] = counted.GetValueOrDefault(name) + value;
        });
        listener.Start();
        (disk, foreign) = (guest.Add("disk", $"/run/spm/{Key.Domain:D}/{Key.Volume:D}.sock", 200), guest.Add("other", "/elsewhere.sock", 200));
        spm.Allocated[Key] = 200;
        spm.Grown = (_, bytes) => disk.AllocatedBytes = bytes;
        watch = new(guest.Server, node => node.NbdSocketPath is { } path ? VolumeKey.FromSocketPath(path) : null, spm, storage,
            input => new(input.AllocatedBytes + 100, input.AllocatedBytes - 40), clock, new(meter));
        running = watch.RunAsync(stop.Token);
        guest.Acts.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        stop.Cancel();
        await running.WaitAsync(TimeSpan.FromSeconds(30));
        listener.Dispose();
        meter.Dispose();
    }

    [Fact]
    public void It_stands_while_its_storage_is_broken_says_why_and_goes_on_when_it_is_whole()
    {
        guest.IoError(disk, nospace: false);
        Pass(300);
        Assert.Empty(guest.Acts);
        Assert.Contains("stopped with an I/O error: the path is gone", watch.State.Detail);
        Assert.Equal((true, true, "io-error"), (watch.State.StandsOnError, watch.State.Disks[0].Failed, watch.State.RunStatus));
        storage.Verdict = new StorageVerdict.Whole();
        Pass(2);
        Assert.Equal(["cont"], guest.Acts);
        Assert.Equal((false, false, "running", ""), (watch.State.StandsOnError, watch.State.Disks[0].Failed, watch.State.RunStatus, watch.State.Detail));
        Assert.Equal((1, 1), (counted["spm_guest_pauses storage"], counted["spm_guest_resumes storage"]));
        Assert.DoesNotContain("spm_guest_resumes space", counted.Keys);
    }

    [Fact]
    public void Storage_that_does_not_answer_is_not_whole()
    {
        storage.Verdict = null;
        guest.IoError(disk, nospace: false);
        Pass(5);
        Assert.Contains("does not answer within 5 s", watch.State.Detail);
        storage.Verdict = new StorageVerdict.Whole();
        Pass(2);
        Assert.Equal(["cont"], guest.Acts);
    }

    /// QEMU answers so late that the host id may be gone by then, and the volume with it.
    [Fact]
    public void What_was_found_of_the_storage_long_ago_does_not_count()
    {
        storage.Verdict = new StorageVerdict.Whole();
        storage.OnAsk = () => guest.Silent.Add("query-block");
        guest.IoError(disk, nospace: false);
        var asked = guest.Server.LastId;
        storage.OnAsk = () => { };
        Pass(11);
        guest.Server.Send($$"""{"return": [{{disk.Device()}}], "id": {{asked}}}""");
        Assert.Empty(guest.Acts);
        Assert.Contains("looked at again in a moment", watch.State.Detail);
        guest.Silent.Clear();
        Pass(30);
        Assert.Equal(["cont"], guest.Acts);
    }

    [Fact]
    public void Left_paused_it_is_not_even_looked_after_until_somebody_says_otherwise()
    {
        watch.Use(new PausePolicy(ResumeBehavior.LeavePaused, TimeSpan.Zero));
        storage.Verdict = new StorageVerdict.Whole();
        guest.IoError(disk, nospace: false);
        Pass(600);
        Assert.Empty(guest.Acts);
        Assert.Empty(storage.Asked);
        Assert.Contains("left paused by its policy", watch.State.Detail);
        watch.Use(PausePolicy.Default);
        Assert.Equal(["cont"], guest.Acts);
    }

    [Fact]
    public void To_be_killed_it_goes_on_when_the_storage_is_back_in_time()
    {
        watch.Use(Kill);
        Pass(29); // the looks at a guest that is well are 30 s apart: too far to know when it stopped
        guest.IoError(disk, nospace: false);
        Pass(70);
        storage.Verdict = new StorageVerdict.Whole();
        Pass(2);
        Assert.Equal(["cont"], guest.Acts);
        Pass(600);
        Assert.Equal(["cont"], guest.Acts);
    }

    [Fact]
    public void To_be_killed_it_is_ended_after_its_time_even_if_the_storage_comes_back_that_moment()
    {
        watch.Use(Kill);
        guest.IoError(disk, nospace: false);
        Pass(79);
        Assert.Empty(guest.Acts);
        storage.Verdict = new StorageVerdict.Whole();
        Pass(4);
        Assert.Equal(["quit"], guest.Acts);
        Assert.Equal(1, counted["spm_guest_kills"]);
        Assert.Contains("killed by its policy", watch.State.Detail);
        Assert.False(watch.State.StandsOnError);
    }

    /// A person continued it while the watch made up its mind, and QEMU's event is still on its way.
    [Fact]
    public void To_be_killed_it_is_looked_at_once_more_before()
    {
        watch.Use(Kill);
        guest.IoError(disk, nospace: false);
        Pass(79);
        var asked = 0;
        guest.OnCommand = command =>
        {
            if (command == "query-status" && ++asked == 2)
                (disk.IoStatus, guest.Status) = ("ok", "running");
        };
        Pass(1);
        Assert.Equal(2, asked);
        Pass(600);
        Assert.Empty(guest.Acts);
    }

    /// Nobody knows how long it has stood, and with this policy it may run elsewhere by now.
    [Fact]
    public void To_be_killed_and_found_standing_it_is_not_continued()
    {
        watch.Use(Kill);
        guest.Server.Listening = false;
        guest.Server.Hangup();
        Pass(100);
        guest.IoError(disk, nospace: false);
        guest.Server.Listening = true;
        storage.Verdict = new StorageVerdict.Whole();
        Pass(60);
        Assert.Empty(guest.Acts);
        Assert.Contains("may have stood for 80 s", watch.State.Detail);
        Pass(30);
        Assert.Equal(["quit"], guest.Acts);
    }

    [Fact]
    public void Neither_a_guest_that_runs_nor_one_that_a_person_stopped_nor_one_without_space_is_killed()
    {
        watch.Use(Kill);
        Pass(600);
        guest.IoError(disk, nospace: false);
        guest.Status = "paused";
        Pass(600);
        (disk.IoStatus, guest.Status) = ("ok", "running");
        Pass(600);
        spm.Refusal = "the pool is full";
        guest.Write(disk, 230);
        Pass(600);
        Assert.DoesNotContain("quit", guest.Acts);
        Assert.Equal("io-error", guest.Status);
    }

    [Fact]
    public void A_person_who_continues_it_begins_its_time_anew()
    {
        watch.Use(Kill);
        guest.IoError(disk, nospace: false);
        Pass(60);
        guest.Status = "running";
        guest.Server.Event("RESUME", "{}");
        guest.IoError(disk, nospace: false);
        Pass(70);
        Assert.DoesNotContain("quit", guest.Acts);
        Pass(15);
        Assert.Contains("quit", guest.Acts);
    }

    [Fact]
    public void An_error_on_storage_that_is_not_ours_is_left_to_others_and_told()
    {
        storage.Verdict = new StorageVerdict.Whole();
        guest.IoError(foreign, nospace: false);
        Pass(120);
        Assert.Empty(guest.Acts);
        Assert.Contains("not served by this pool", watch.State.Detail);
        Assert.False(watch.State.StandsOnError);
    }

    [Fact]
    public void One_disk_full_and_one_failed_wait_for_both()
    {
        var second = new VolumeKey(Key.Domain, new Guid(3, 0, 0, new byte[8]));
        spm.Allocated[second] = 200;
        var full = guest.Add("full", $"/run/spm/{second.Domain:D}/{second.Volume:D}.sock", 200);
        spm.Grown = (volume, bytes) => (volume == Key ? disk : full).AllocatedBytes = bytes;
        watch.LookNow();
        spm.Refusal = "the pool is full";
        guest.Write(full, 230);
        guest.IoError(disk, nospace: false);
        storage.Verdict = new StorageVerdict.Whole();
        Pass(10);
        Assert.DoesNotContain("cont", guest.Acts);
        storage.Verdict = new StorageVerdict.Broken("the path is gone");
        spm.Refusal = null;
        Pass(10);
        Assert.DoesNotContain("cont", guest.Acts);
        storage.Verdict = new StorageVerdict.Whole();
        Pass(2);
        Assert.Single(guest.Acts, act => act == "cont");
        Assert.Equal("running", guest.Status);
    }

    private static PausePolicy Kill => new(ResumeBehavior.Kill, TimeSpan.FromSeconds(80));

    private void Pass(double seconds) => clock.Advance(TimeSpan.FromSeconds(seconds));
}
