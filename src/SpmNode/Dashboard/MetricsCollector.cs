using System.Diagnostics.Metrics;

namespace OvirtSpm.Node.Dashboard;

/// <summary>Listens to one meter and keeps what it measured until somebody asks.</summary>
/// <remarks>
/// Measurements arrive on the threads that record them; <see cref="Collect"/> may run beside them and beside itself.
/// It starts counting when it is made: make it before the node records anything.
/// </remarks>
public sealed class MetricsCollector : IDisposable
{
    readonly MeterListener listener = new();
    readonly Lock scrape = new();
    readonly Lock guard = new();
    readonly List<InstrumentTally> tallies = [];

    /// <param name="meter">This very instance: another meter of the same name is another node's.</param>
    public MetricsCollector(Meter meter)
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (ReferenceEquals(instrument.Meter, meter) && InstrumentTally.TryFor(instrument) is { } tally)
            {
                lock (guard)
                {
                    tallies.Add(tally);
                }

                self.EnableMeasurementEvents(instrument, tally);
            }
        };
        listener.SetMeasurementEventCallback<byte>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<short>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<int>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<long>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<float>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<double>((_, value, tags, state) => ((InstrumentTally)state!).Take(value, tags));
        listener.SetMeasurementEventCallback<decimal>((_, value, tags, state) => ((InstrumentTally)state!).Take((double)value, tags));
        listener.Start();
    }

    /// <summary>What <see cref="Collect"/> answers is of this type.</summary>
    public static string ContentType => PrometheusText.ContentType;

    /// <summary>Everything measured until now, as a page for Prometheus. A gauge that cannot be read is left out, and a
    /// comment line says why: the rest of the page is worth most exactly when something is wrong.</summary>
    public string Collect()
    {
        // One at a time: an observed gauge is emptied and read again, and half a reading must not be shown.
        lock (scrape)
        {
            InstrumentTally[] known;
            lock (guard)
            {
                known = [.. tallies];
            }

            foreach (var tally in known)
            {
                tally.ForgetObserved();
            }

            var remarks = "";
            try
            {
                listener.RecordObservableInstruments();
            }
            catch (AggregateException failure)
            {
                remarks = string.Concat(failure.InnerExceptions
                    .Select(inner => PrometheusText.Remark($"a reading failed and is not shown: {inner.Message}")).Distinct());
            }

            return remarks + PrometheusText.Format(known.Select(tally => tally.Snapshot()));
        }
    }

    public void Dispose() => listener.Dispose();
}
