using System.Diagnostics.Metrics;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Tests.Activation;

public sealed class VolumeExportTests : IDisposable
{
    const int KiB = 1024;

    readonly MemoryDevice device = new(1024 * KiB);
    readonly ScriptedGrowth spm = new();
    readonly ManualClock clock = new();
    readonly Meter meter = new("ovirt-spm");
    readonly ExportMetrics metrics;

    public VolumeExportTests() => metrics = new(meter);

    public void Dispose() => meter.Dispose();

    [Fact]
    public async Task A_write_over_two_segments_lands_in_both_and_nowhere_else()
    {
        var export = Volume();
        Assert.Equal(NbdError.None, await export.WriteAsync(63 * KiB, Filled(2 * KiB, 7), fua: false, default));
        Assert.Equal(["write 130048 1024", "write 262144 1024"], device.Calls);
        var back = new byte[2 * KiB];
        Assert.Equal(NbdError.None, await export.ReadAsync(63 * KiB, back, default));
        Assert.Equal(Filled(2 * KiB, 7), back);
    }

    [Fact]
    public async Task Reads_past_the_allocated_end_give_zeros_without_asking()
    {
        Array.Fill(device.Bytes, (byte)9);
        var export = Volume();
        var back = Filled(128 * KiB, 1);
        Assert.Equal(NbdError.None, await export.ReadAsync(32 * KiB, back, default));
        Assert.All(back[..(96 * KiB)], value => Assert.Equal(9, value));
        Assert.All(back[(96 * KiB)..], value => Assert.Equal(0, value));
        Assert.Empty(spm.Asked);
    }

    [Fact]
    public async Task A_write_past_the_end_waits_asks_once_and_goes_on_when_the_volume_has_grown()
    {
        var export = Volume();
        var first = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        var second = export.WriteAsync(127 * KiB, Filled(2 * KiB, 2), false, default).AsTask();
        var third = export.WriteZeroesAsync(140 * KiB, 4 * KiB, NbdCommandFlags.None, default).AsTask();
        Assert.Equal([129 * KiB], spm.Asked);
        Assert.Equal(3, export.HeldWrites);
        Assert.Empty(device.Calls);
        Assert.IsType<GrowOutcome.Grown>(export.Grow(Table(192, seqno: 2)));
        spm.Answer(GrowthAnswer.Granted);
        Assert.Equal([NbdError.None, NbdError.None, NbdError.None], await Task.WhenAll(first, second, third));
        Assert.Equal([129 * KiB], spm.Asked);
        Assert.Equal(0, export.HeldWrites);
    }

    [Fact]
    public async Task What_needs_more_than_was_asked_for_is_asked_for_next()
    {
        var export = Volume();
        var small = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        var large = export.WriteAsync(200 * KiB, Filled(KiB, 1), false, default).AsTask();
        export.Grow(Table(192, seqno: 2));
        Assert.Equal(NbdError.None, await small);
        spm.Answer(GrowthAnswer.Granted);
        Assert.Equal([129 * KiB, 201 * KiB], spm.Asked);
        Assert.False(large.IsCompleted);
        export.Grow(Table(256, seqno: 3));
        Assert.Equal(NbdError.None, await large);
    }

    /// R31: Windows and Linux give a command up after about a minute; an error before that pauses the guest instead.
    [Fact]
    public async Task A_held_write_fails_with_no_space_after_the_limit()
    {
        var export = Volume();
        var write = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        clock.Pass(TimeSpan.FromSeconds(19.9));
        Assert.False(write.IsCompleted);
        clock.Pass(TimeSpan.FromSeconds(0.2));
        Assert.Equal(NbdError.NoSpace, await write);
        Assert.Equal(0, export.HeldWrites);
        Assert.InRange(metrics.LongestHold, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20.2));
        Assert.Empty(device.Calls);
    }

    [Fact]
    public async Task A_full_pool_fails_what_waits_at_once_and_is_forgotten_soon()
    {
        var export = Volume();
        var first = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        spm.Answer(GrowthAnswer.PoolFull);
        Assert.Equal(NbdError.NoSpace, await first);
        Assert.Equal(NbdError.NoSpace, await export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default));
        Assert.Single(spm.Asked);
        clock.Pass(TimeSpan.FromSeconds(1));
        var later = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        Assert.Equal(2, spm.Asked.Count);
        export.Grow(Table(192, seqno: 2));
        Assert.Equal(NbdError.None, await later);
    }

    [Fact]
    public async Task Space_that_appears_ends_the_memory_of_a_full_pool()
    {
        var export = Volume();
        var first = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        spm.Answer(GrowthAnswer.PoolFull);
        await first;
        export.Grow(Table(192, seqno: 2));
        var next = export.WriteAsync(192 * KiB, Filled(KiB, 1), false, default).AsTask();
        Assert.Equal([129 * KiB, 193 * KiB], spm.Asked);
        export.Grow(Table(256, seqno: 3));
        Assert.Equal(NbdError.None, await next);
    }

    [Fact]
    public async Task An_spm_that_is_not_there_is_asked_again_until_it_answers()
    {
        var export = Volume();
        var write = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        for (var i = 0; i < 5; i++)
        {
            spm.Answer(GrowthAnswer.Later);
            clock.Pass(TimeSpan.FromMilliseconds(100));
            await AsyncWait.UntilAsync(() => spm.Asked.Count == i + 2);
        }

        export.Grow(Table(192, seqno: 2));
        Assert.Equal(NbdError.None, await write);
    }

    [Fact]
    public async Task A_flush_does_not_wait_for_held_writes()
    {
        var export = Volume();
        var write = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        Assert.Equal(NbdError.None, await export.FlushAsync(default));
        Assert.Equal(["flush"], device.Calls);
        Assert.False(write.IsCompleted);
        export.Grow(Table(192, seqno: 2));
        await write;
    }

    /// The client sends it again on its next connection; the old copy must not follow it.
    [Fact]
    public async Task A_held_write_of_a_client_that_left_never_lands()
    {
        var export = Volume();
        using var gone = new CancellationTokenSource();
        var write = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, gone.Token).AsTask();
        gone.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        export.Grow(Table(192, seqno: 2));
        Assert.Empty(device.Calls);
        Assert.Equal(0, export.HeldWrites);
    }

    [Fact]
    public void A_table_that_moves_live_bytes_is_refused()
    {
        var export = Volume();
        var moved = new SegmentTable([new(device, 64 * KiB, 64 * KiB), new(device, 512 * KiB, 128 * KiB)], 1, 2);
        Assert.Equal(GrowRefusal.NotAPrefix, Assert.IsType<GrowOutcome.Refused>(export.Grow(moved)).Reason);
        Assert.Equal(GrowRefusal.Smaller, Assert.IsType<GrowOutcome.Refused>(export.Grow(Table(64, seqno: 2))).Reason);
        Assert.Equal(GrowRefusal.Older, Assert.IsType<GrowOutcome.Refused>(export.Grow(Table(192, seqno: 0))).Reason);
        Assert.Equal(GrowRefusal.Older, Assert.IsType<GrowOutcome.Refused>(export.Grow(Table(192, seqno: 2, epoch: 0))).Reason);
        Assert.Equal(128 * KiB, export.AllocatedBytes);
        Assert.IsType<GrowOutcome.Grown>(export.Grow(Table(128, seqno: 1)));
    }

    [Fact]
    public async Task Deactivation_fails_what_is_held_and_tells_when_the_device_is_done()
    {
        var export = Volume();
        device.Hang();
        var stuck = export.WriteAsync(0, Filled(KiB, 1), false, default).AsTask();
        var waiting = export.WriteAsync(128 * KiB, Filled(KiB, 1), false, default).AsTask();
        var deactivation = export.DeactivateAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(NbdError.ShuttingDown, await waiting);
        Assert.Equal(NbdError.ShuttingDown, await export.WriteAsync(0, Filled(KiB, 1), false, default));
        Assert.IsType<GrowOutcome.Refused>(export.Grow(Table(192, seqno: 2)));
        clock.Pass(TimeSpan.FromSeconds(3));
        var outcome = Assert.IsType<DeactivateOutcome.StillWriting>(await deactivation);
        Assert.Equal(1, outcome.Writes);
        Assert.False(outcome.AllReturned.IsCompleted);
        device.Unhang();
        Assert.Equal(NbdError.None, await stuck);
        await outcome.AllReturned;
        Assert.IsType<DeactivateOutcome.Returned>(await export.DeactivateAsync(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task Zeroes_are_written_and_a_fast_zero_is_refused_where_it_would_be_slow()
    {
        Array.Fill(device.Bytes, (byte)9);
        var export = Volume();
        Assert.Equal(NbdError.None, await export.WriteZeroesAsync(0, 4 * KiB, NbdCommandFlags.NoHole, default));
        Assert.Equal(NbdError.None, await export.WriteZeroesAsync(4 * KiB, 4 * KiB, NbdCommandFlags.ForceUnitAccess, default));
        Assert.Equal(["zero 65536 4096", "punch 69632 4096", "flush"], device.Calls);
        Assert.Equal(NbdError.None, await export.WriteZeroesAsync(0, 4 * KiB, NbdCommandFlags.FastZero, default));
        Assert.Equal(NbdError.NotSupported, await export.WriteZeroesAsync(127 * KiB, 4 * KiB, NbdCommandFlags.FastZero, default));
        Assert.Empty(spm.Asked);
        var slow = new MemoryDevice(1024 * KiB) { ZeroIsFast = false };
        var slowExport = new VolumeExport(new("v", 256 * KiB), new([new(slow, 0, 64 * KiB)], 1, 1), 512, spm, clock);
        Assert.Equal(NbdError.NotSupported, await slowExport.WriteZeroesAsync(0, 4 * KiB, NbdCommandFlags.FastZero, default));
    }

    [Fact]
    public async Task Trims_are_passed_on_only_when_enabled_and_only_inside()
    {
        var export = Volume();
        Assert.Equal(NbdError.None, await export.TrimAsync(0, 256 * KiB, false, default));
        Assert.Empty(device.Calls);
        var passing = Volume(new("v", 512 * KiB) { PassTrims = true });
        Assert.Equal(NbdError.None, await passing.TrimAsync(96 * KiB, 256 * KiB, false, default));
        Assert.Equal(["discard 294912 32768"], device.Calls);
        Assert.Equal(NbdError.None, await passing.TrimAsync(256 * KiB, 4 * KiB, false, default));
        Assert.Single(device.Calls);
    }

    [Fact]
    public void Block_status_is_data_and_then_a_hole()
    {
        var export = Volume();
        Assert.Equal([new NbdExtent(64 * KiB, NbdAllocation.Allocated), new(64 * KiB, NbdAllocation.Hole | NbdAllocation.Zero)], export.BlockStatus(64 * KiB, 128 * KiB, 10));
        Assert.Equal([new NbdExtent(64 * KiB, NbdAllocation.Allocated)], export.BlockStatus(64 * KiB, 128 * KiB, 1));
        Assert.Equal([new NbdExtent(KiB, NbdAllocation.Hole | NbdAllocation.Zero)], export.BlockStatus(200 * KiB, KiB, 1));
    }

    [Fact]
    public async Task A_device_error_is_an_io_error_and_nothing_else()
    {
        var export = Volume();
        device.FailWrites = true;
        Assert.Equal(NbdError.Io, await export.WriteAsync(0, Filled(KiB, 1), false, default));
        device.FailWrites = false;
        Assert.Equal(NbdError.None, await export.WriteAsync(0, Filled(KiB, 1), true, default));
        Assert.Equal(["durable 65536 1024"], device.Calls);
    }

    [Fact]
    public async Task Bad_requests_are_refused_by_the_export_itself()
    {
        var export = Volume();
        Assert.Equal(NbdError.Invalid, await export.WriteAsync(1, Filled(512, 1), false, default));
        Assert.Equal(NbdError.Invalid, await export.ReadAsync(0, new byte[100], default));
        Assert.Equal(NbdError.NoSpace, await export.WriteAsync(512 * KiB, Filled(512, 1), false, default));
        Assert.Equal(NbdError.Invalid, await export.ReadAsync(long.MaxValue - 511, new byte[512], default));
        var readOnly = Volume(new("v", 512 * KiB) { ReadOnly = true });
        Assert.Equal(NbdError.NotPermitted, await readOnly.WriteAsync(0, Filled(512, 1), false, default));
        Assert.Equal(NbdError.NotPermitted, await readOnly.WriteZeroesAsync(0, 512, NbdCommandFlags.None, default));
        Assert.Equal(NbdError.NotPermitted, await readOnly.TrimAsync(0, 512, false, default));
        Assert.Empty(device.Calls);
    }

    VolumeExport Volume(VolumeExportOptions? options = null) =>
        new(options ?? new("v", 512 * KiB), Table(128, seqno: 1), 512, spm, clock, metrics);

    /// <summary>64 KiB at 64 KiB of the device, the rest from 256 KiB on.</summary>
    SegmentTable Table(int kib, ulong seqno, ulong epoch = 1) => new(
        kib <= 64 ? [new(device, 64 * KiB, kib * KiB)] : [new(device, 64 * KiB, 64 * KiB), new(device, 256 * KiB, (kib - 64) * KiB)], epoch, seqno);

    static byte[] Filled(int length, byte value)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }
}
