using System.Diagnostics.Metrics;
using OvirtSpm.Monitor;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Interop.Qemu;

/// <summary>The watch under test, running against a real QEMU; waits for states by its own notifications.</summary>
internal sealed class QemuWatchRun : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource stop = new();
    private readonly Meter meter = new(MonitorInstruments.MeterName);
    private readonly MeterListener listener = new();
    private readonly List<double> latencies = [];
    private readonly Task running;

    /// <param name="chunkBytes">Asked for at a time; the threshold lies half of it before the end.</param>
    public QemuWatchRun(Monitor.Qmp.IQmpTransport transport, QemuNbdDisk disk, long chunkBytes, PausePolicy? pauses = null)
    {
        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter == meter)
                to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, value, _, _) =>
        {
            lock (latencies)
                latencies.Add(value);
        });
        listener.Start();
        Watch = new(transport, node => node.NbdSocketPath == disk.SocketPath ? Key : null, disk, disk,
            input => input.AllocatedBytes >= input.MaximumBytes
                ? new(input.AllocatedBytes, null)
                : new(Math.Min(input.AllocatedBytes + chunkBytes, input.MaximumBytes), input.AllocatedBytes - chunkBytes / 2),
            TimeProvider.System, new MonitorInstruments(meter), GuestWatchOptions.Default with { Pauses = pauses ?? PausePolicy.Default });
        running = Watch.RunAsync(stop.Token);
    }

    public static VolumeKey Key { get; } = new(new Guid(1, 0, 0, new byte[8]), new Guid(2, 0, 0, new byte[8]));

    public GuestWatch Watch { get; }

    public DiskState Disk => Watch.State.Disks.Single();

    public double[] LatenciesMilliseconds
    {
        get
        {
            lock (latencies)
                return [.. latencies.Select(seconds => seconds * 1000).Order()];
        }
    }

    public async Task UntilAsync(Func<GuestState, bool> there, string what)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Check(GuestState state)
        {
            if (there(state))
                reached.TrySetResult();
        }
        Watch.Changed += Check;
        try
        {
            Check(Watch.State);
            await reached.Task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"not {what} within {Patience.TotalSeconds} s: {Watch.State} {string.Join(' ', Watch.State.Disks)}");
        }
        finally
        {
            Watch.Changed -= Check;
        }
    }

    public Task UntilQuietAsync() =>
        UntilAsync(state => state is { Connected: true, Disks: [{ Phase: DiskPhase.Quiet or DiskPhase.Full, PausedForSpace: false }] }, "quiet");

    public async ValueTask DisposeAsync()
    {
        stop.Cancel();
        await running;
        listener.Dispose();
        meter.Dispose();
    }
}
