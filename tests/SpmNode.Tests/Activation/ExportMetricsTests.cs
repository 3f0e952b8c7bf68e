using System.Diagnostics.Metrics;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Tests.Activation;

public class ExportMetricsTests
{
    [Fact]
    public async Task Requests_bytes_holds_and_errors_are_counted_by_kind()
    {
        using var meter = new Meter("ovirt-spm");
        var sums = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (ReferenceEquals(instrument.Meter, meter))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();

        var device = new MemoryDevice(1 << 20);
        var clock = new ManualClock();
        var export = new VolumeExport(
            new("v", 512 << 10), new([new(device, 0, 128 << 10)], 1, 1), 512,
            new GrowthCallback((_, _) => Task.FromResult(GrowthAnswer.Later)), clock, new ExportMetrics(meter));
        await export.WriteAsync(0, new byte[4096], false, default);
        await export.ReadAsync(0, new byte[8192], default);
        await export.FlushAsync(default);
        var held = export.WriteAsync(128 << 10, new byte[512], false, default).AsTask();
        clock.Pass(TimeSpan.FromSeconds(21));
        Assert.Equal(NbdError.NoSpace, await held);
        listener.RecordObservableInstruments();

        Assert.Equal(2, sums["spm_nbd_requests_total write"]);
        Assert.Equal(4096 + 512, sums["spm_nbd_bytes_total write"]);
        Assert.Equal(8192, sums["spm_nbd_bytes_total read"]);
        Assert.Equal(1, sums["spm_nbd_requests_total flush"]);
        Assert.Equal(1, sums["spm_nbd_held_writes_total limit"]);
        Assert.Equal(1, sums["spm_nbd_errors_total NoSpace"]);
        Assert.InRange(sums["spm_nbd_hold_seconds "], 20, 21);
        Assert.InRange(sums["spm_nbd_longest_hold_seconds "], 20, 21);

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = $"{instrument.Name} {(tags.Length > 0 ? tags[0].Value : "")}";
            sums[key] = sums.GetValueOrDefault(key) + value;
        }
    }
}
