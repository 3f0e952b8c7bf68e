using System.Diagnostics.Metrics;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Tests.Doubles;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Guests;

/// <summary>The real loop against doubles that run inline: when a call returns, everything it caused has happened.</summary>
public sealed class GuestWatchTests : IDisposable
{
    private readonly TestClock clock = new();
    private readonly GuestDouble guest = new();
    private readonly ExtendDouble spm = new();
    private readonly Meter meter = new(MonitorInstruments.MeterName);
    private readonly CancellationTokenSource stop = new();
    private readonly GuestWatch watch;
    private readonly List<GuestDouble.Disk> disks = [];
    private Task running = Task.CompletedTask;

    public GuestWatchTests()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        watch = new(guest.Server, node => node.NbdSocketPath is { } path ? VolumeKey.FromSocketPath(path) : null, spm, new ProbeDouble(), Policy, clock, new(meter));
        spm.Grown = (volume, bytes) => disks.Where(disk => Key(disks.IndexOf(disk)) == volume).ToList().ForEach(disk => disk.AllocatedBytes = bytes);
    }

    public void Dispose()
    {
        stop.Cancel();
        Assert.True(running.IsCompletedSuccessfully, running.Exception?.ToString() ?? "still running after its stop");
        meter.Dispose();
    }

    [Fact]
    public void Finds_the_volumes_and_sets_thresholds_at_the_protocol_layer()
    {
        Start(200);
        Assert.Equal(["threshold disk0-nbd 160"], guest.Acts);
        Assert.Equal((true, "running", ""), (watch.State.Connected, watch.State.RunStatus, watch.State.Detail));
        var disk = Assert.Single(watch.State.Disks);
        Assert.Equal((Key(0), "disk0-nbd", DiskPhase.Quiet, 200L, 160L), (disk.Volume, disk.NodeName, disk.Phase, disk.AllocatedBytes, disk.ThresholdBytes!.Value));
    }

    [Fact]
    public void Extends_at_once_when_the_threshold_is_passed()
    {
        Start(200);
        guest.Write(disks[0], 165);
        Assert.Equal([300], spm.Asked);
        Assert.Equal("threshold disk0-nbd 260", guest.Acts[^1]);
        Assert.Equal((1L, DiskPhase.Quiet), (watch.State.Disks[0].Extends, watch.State.Disks[0].Phase));
    }

    [Fact]
    public void Measures_from_the_event_to_the_usable_size()
    {
        List<double> seconds = [];
        using var listener = new MeterListener { InstrumentPublished = (instrument, to) => { if (instrument.Meter == meter) to.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => { if (instrument.Name == "spm_extend_latency_seconds") seconds.Add(value); });
        listener.Start();
        spm.Hold = true;
        Start(200);
        guest.Write(disks[0], 165);
        Assert.Equal(DiskPhase.Asked, watch.State.Disks[0].Phase);
        clock.Advance(TimeSpan.FromMilliseconds(7));
        spm.AnswerAll();
        Assert.Equal([0.007], seconds);
        Assert.Equal(TimeSpan.FromMilliseconds(7), watch.State.Disks[0].LastLatency);
    }

    [Fact]
    public void A_slow_answer_for_one_disk_holds_up_no_other()
    {
        Start(200, 200);
        spm.Hold = true;
        guest.Write(disks[0], 165);
        spm.Hold = false;
        guest.Write(disks[1], 165);
        Assert.Equal((DiskPhase.Asked, DiskPhase.Quiet), (watch.State.Disks[0].Phase, watch.State.Disks[1].Phase));
        Assert.Equal(300, watch.State.Disks[1].AllocatedBytes);
    }

    [Fact]
    public void A_slow_QEMU_holds_up_no_extend()
    {
        Start(200, 200);
        guest.Silent.Add("block-set-write-threshold");
        guest.Write(disks[0], 165);
        guest.Write(disks[1], 165);
        Assert.Equal([300, 300], spm.Asked);
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Contains("main loop is held up", watch.State.Disks[0].Detail);
        guest.Silent.Clear();
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(DiskPhase.Quiet, watch.State.Disks[0].Phase);
    }

    [Fact]
    public void A_guest_paused_for_space_gets_its_threshold_and_then_goes_on()
    {
        Start(200);
        spm.Hold = true;
        guest.Write(disks[0], 230);
        Assert.Equal(("io-error", true), (guest.Status, watch.State.Disks[0].PausedForSpace));
        spm.AnswerAll();
        Assert.Equal(["threshold disk0-nbd 160", "threshold disk0-nbd 260", "cont"], guest.Acts);
        Assert.Equal("running", guest.Status);
        Assert.Equal((230L, false), (disks[0].HighestBytes, watch.State.Disks[0].PausedForSpace));
    }

    [Fact]
    public void A_full_pool_keeps_the_guest_paused_says_why_and_lets_it_go_on_when_space_is_there()
    {
        Start(200);
        spm.Refusal = "the pool is full; add a disk";
        guest.Write(disks[0], 230);
        clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("io-error", guest.Status);
        var disk = watch.State.Disks[0];
        Assert.Equal((DiskPhase.Refused, true, "the pool is full; add a disk"), (disk.Phase, disk.PausedForSpace, disk.Detail));
        Assert.InRange(spm.Asked.Count, 12, 20); // back-off: 0.1, 0.2 … 3.2, then every 5 s
        spm.Refusal = null;
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("running", guest.Status);
        Assert.Equal("cont", guest.Acts[^1]);
    }

    [Fact]
    public void Goes_on_only_when_all_paused_disks_have_space()
    {
        Start(200, 200);
        spm.Hold = true;
        guest.Write(disks[0], 230);
        guest.IoError(disks[1], nospace: true);
        disks[1].WaitingEnd = 230;
        spm.Hold = false;
        watch.VolumeGrew(Key(0), 300);
        disks[0].AllocatedBytes = 300;
        clock.Advance(TimeSpan.FromSeconds(3));
        Assert.DoesNotContain("cont", guest.Acts);
        spm.AnswerAll();
        Assert.Single(guest.Acts, act => act == "cont");
        Assert.Equal("running", guest.Status);
    }

    [Fact]
    public void A_guest_its_owner_stopped_is_not_continued()
    {
        Start(200);
        spm.Hold = true;
        guest.Write(disks[0], 230);
        guest.Status = "paused";
        spm.AnswerAll();
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.DoesNotContain("cont", guest.Acts);
        Assert.Contains("'paused' by somebody else's will", watch.State.Detail);
        guest.Status = "io-error";
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Contains("cont", guest.Acts);
    }

    [Fact]
    public void An_error_the_guest_was_told_of_pauses_nothing()
    {
        Start(200);
        guest.IoError(disks[0], nospace: true, action: "report");
        Assert.False(watch.State.Disks[0].PausedForSpace);
    }

    [Fact]
    public void A_pause_from_before_we_came_is_found_and_ended()
    {
        var disk = AddDisk(200);
        disk.WaitingEnd = 230;
        (disk.IoStatus, guest.Status) = ("nospace", "io-error");
        Start();
        Assert.Equal([300], spm.Asked);
        Assert.Equal("running", guest.Status);
        Assert.Equal(230, disk.HighestBytes);
    }

    [Fact]
    public void A_restarted_QEMU_is_found_again_and_gets_its_thresholds()
    {
        Start(200);
        guest.Write(disks[0], 165);
        guest.Server.Listening = false;
        guest.Restart();
        Assert.Equal((false, DiskPhase.Lost), (watch.State.Connected, watch.State.Disks[0].Phase));
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Contains("connection refused", watch.State.Detail);
        guest.Server.Listening = true;
        guest.Acts.Clear();
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(["threshold disk0-nbd 260"], guest.Acts);
        Assert.Equal((true, DiskPhase.Quiet, 2L), (watch.State.Connected, watch.State.Disks[0].Phase, watch.State.Sessions));
        guest.Write(disks[0], 265);
        Assert.Equal([300, 400], spm.Asked);
    }

    [Fact]
    public void An_answer_that_arrives_between_two_sessions_is_not_lost()
    {
        Start(200);
        spm.Hold = true;
        guest.Write(disks[0], 165);
        guest.Restart();
        spm.AnswerAll();
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("threshold disk0-nbd 260", guest.Acts[^1]);
        Assert.Equal([300], spm.Asked);
    }

    [Fact]
    public void Events_of_unknown_nodes_and_odd_events_are_ignored()
    {
        Start(200);
        var before = watch.State.Disks[0];
        guest.Server.Event("BLOCK_WRITE_THRESHOLD", """{"node-name": "other", "write-threshold": 1, "amount-exceeded": 5}""");
        guest.Server.Event("BLOCK_WRITE_THRESHOLD", """{"node-name": 7}""");
        guest.Server.Event("BLOCK_WRITE_THRESHOLD", "[]");
        guest.Server.Event("BLOCK_IO_ERROR", """{"nospace": true, "action": "stop"}""");
        guest.Server.Event("SOMETHING_NEW", "null");
        Assert.Empty(spm.Asked);
        Assert.Equal(before, watch.State.Disks[0]);
    }

    [Theory]
    [InlineData("""{"node-name": "disk0-nbd"}""")]
    [InlineData("""{"node-name": "disk0-nbd", "write-threshold": -5, "amount-exceeded": "x"}""")]
    public void An_event_without_numbers_sets_the_threshold_again(string data)
    {
        Start(200);
        guest.Server.Event("BLOCK_WRITE_THRESHOLD", data);
        Assert.Equal(["threshold disk0-nbd 160", "threshold disk0-nbd 160"], guest.Acts);
    }

    [Fact]
    public void An_absurd_offset_neither_overflows_nor_empties_the_pool()
    {
        Start(200);
        guest.Server.Event("BLOCK_WRITE_THRESHOLD",
            """{"node-name": "disk0-nbd", "write-threshold": 9223372036854775807, "amount-exceeded": 9223372036854775807}""");
        Assert.Equal(DiskPhase.Implausible, watch.State.Disks[0].Phase);
        Assert.Empty(spm.Asked);
    }

    [Fact]
    public void A_lost_event_is_found_by_the_slow_look()
    {
        Start(200);
        (disks[0].ThresholdBytes, disks[0].HighestBytes) = (0, 170);
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal([300], spm.Asked);
    }

    [Fact]
    public void A_quiet_guest_is_asked_once_per_slow_look_and_no_more()
    {
        Start(200, 200);
        guest.Server.Commands.Clear();
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(20 * 4, guest.Server.Commands.Count);
    }

    [Fact]
    public void A_disk_plugged_in_later_is_found_and_one_pulled_out_is_let_go()
    {
        Start(200);
        AddDisk(500);
        guest.Remove(disks[0]);
        watch.LookNow();
        Assert.Equal([DiskPhase.Lost, DiskPhase.Quiet], watch.State.Disks.Select(disk => disk.Phase));
        Assert.Contains("pulled out", watch.State.Disks[0].Detail);
        Assert.Equal("threshold disk1-nbd 460", guest.Acts[^1]);
    }

    [Fact]
    public void A_full_disk_plugged_in_a_moment_ago_is_served()
    {
        Start(200);
        var disk = AddDisk(200);
        disk.WaitingEnd = 230;
        guest.IoError(disk, nospace: true);
        Assert.Equal("running", guest.Status);
        Assert.Equal(230, disk.HighestBytes);
    }

    [Fact]
    public void A_volume_not_active_here_says_so_and_is_watched_once_it_is()
    {
        guest.Add("disk0", SocketPath(0), 200);
        Start();
        Assert.Contains("not active on this host", watch.State.Disks[0].Detail);
        spm.Allocated[Key(0)] = 200;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(DiskPhase.Quiet, watch.State.Disks[0].Phase);
    }

    [Fact]
    public void An_SPM_that_never_answers_is_asked_again_after_the_timeout()
    {
        Start(200);
        spm.Hold = true;
        guest.Write(disks[0], 165);
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.Contains("no answer within 30 s", watch.State.Disks[0].Detail);
        spm.Hold = false;
        clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal((300L, DiskPhase.Quiet), (watch.State.Disks[0].AllocatedBytes, watch.State.Disks[0].Phase));
    }

    [Fact]
    public void A_threshold_QEMU_refuses_is_shown_polled_and_tried_again()
    {
        AddDisk(200).RefusesThresholds = true;
        Start();
        Assert.Equal(DiskPhase.Unarmed, watch.State.Disks[0].Phase);
        Assert.Contains("Device 'disk0-nbd' not found", watch.State.Disks[0].Detail);
        disks[0].HighestBytes = 170;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal([300], spm.Asked);
        disks[0].RefusesThresholds = false;
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(DiskPhase.Quiet, watch.State.Disks[0].Phase);
    }

    private static GrowthDecision Policy(GrowthInput input) => input.AllocatedBytes >= input.MaximumBytes
        ? new(input.AllocatedBytes, null)
        : new(Math.Min(input.AllocatedBytes + 100, input.MaximumBytes), input.AllocatedBytes - 40);

    private static VolumeKey Key(int number) => new(new Guid(1, 2, 3, new byte[8]), new Guid(number, 0, 0, new byte[8]));

    private static string SocketPath(int number) => $"/run/spm/{Key(number).Domain:D}/{Key(number).Volume:D}.sock";

    private GuestDouble.Disk AddDisk(long allocated)
    {
        spm.Allocated[Key(disks.Count)] = allocated;
        disks.Add(guest.Add($"disk{disks.Count}", SocketPath(disks.Count), allocated));
        return disks[^1];
    }

    private void Start(params long[] allocated)
    {
        foreach (var bytes in allocated)
            AddDisk(bytes);
        running = watch.RunAsync(stop.Token);
    }
}
