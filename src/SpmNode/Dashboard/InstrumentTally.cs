using System.Diagnostics.Metrics;

namespace OvirtSpm.Node.Dashboard;

/// <summary>What one instrument has measured so far, series by series.</summary>
internal sealed class InstrumentTally
{
    /// <summary>Tags are words out of small sets; beyond this many series the rest is counted under one label instead of
    /// letting a tag that names volumes or clients eat the memory of the node.</summary>
    public const int SeriesLimit = 1000;

    static readonly double[] DefaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    readonly Lock guard = new();
    readonly SortedDictionary<string, Series> series = new(StringComparer.Ordinal);
    readonly Instrument instrument;
    readonly MetricKind kind;
    readonly bool adds;
    readonly double[] bounds;

    InstrumentTally(Instrument instrument, MetricKind kind, bool adds, double[] bounds)
    {
        this.instrument = instrument;
        this.kind = kind;
        this.adds = adds;
        this.bounds = bounds;
    }

    /// <returns>Null for a kind of instrument this does not know.</returns>
    public static InstrumentTally? TryFor(Instrument instrument)
    {
        var type = instrument.GetType();
        var generic = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        return generic switch
        {
            _ when generic == typeof(Counter<>) => new(instrument, MetricKind.Counter, adds: true, []),
            _ when generic == typeof(ObservableCounter<>) => new(instrument, MetricKind.Counter, adds: false, []),
            _ when generic == typeof(UpDownCounter<>) => new(instrument, MetricKind.Gauge, adds: true, []),
            _ when generic == typeof(ObservableUpDownCounter<>) => new(instrument, MetricKind.Gauge, adds: false, []),
            _ when generic == typeof(Gauge<>) || generic == typeof(ObservableGauge<>) => new(instrument, MetricKind.Gauge, adds: false, []),
            _ when generic == typeof(Histogram<>) => new(instrument, MetricKind.Histogram, adds: true, BoundsOf(instrument)),
            _ => null,
        };
    }

    public void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // A value that is not a number would make the sum not a number for ever.
        if (adds && !double.IsFinite(value))
        {
            return;
        }

        var labels = PrometheusText.Labels(tags);
        lock (guard)
        {
            if (!series.TryGetValue(labels, out var one))
            {
                if (series.Count >= SeriesLimit)
                {
                    labels = "overflow=\"true\"";
                }

                if (!series.TryGetValue(labels, out one))
                {
                    series.Add(labels, one = new Series(kind == MetricKind.Histogram ? new long[bounds.Length + 1] : null));
                }
            }

            one.Value = adds ? one.Value + value : value;
            if (one.Counts is { } counts)
            {
                counts[BucketOf(value)]++;
            }
        }
    }

    /// <summary>An observed series that is not reported any more must not be shown with its last value.</summary>
    public void ForgetObserved()
    {
        if (instrument.IsObservable)
        {
            lock (guard)
            {
                series.Clear();
            }
        }
    }

    public MetricFamily Snapshot()
    {
        lock (guard)
        {
            // A counter that has not counted is 0, not absent: rate() misses the first event of a series that appears with it.
            if (series.Count == 0 && adds && kind == MetricKind.Counter)
            {
                return new(instrument.Name, kind, Help, [new MetricSeries("", 0)]);
            }

            return new(instrument.Name, kind, Help, [.. series.Select(pair => pair.Value.Show(pair.Key, bounds))]);
        }
    }

    string Help => instrument.Description ?? "";

    int BucketOf(double value)
    {
        var index = Array.BinarySearch(bounds, value);
        return index < 0 ? ~index : index;
    }

    static double[] BoundsOf(Instrument instrument)
    {
        var advised = instrument switch
        {
            Histogram<double> of => of.Advice?.HistogramBucketBoundaries,
            Histogram<float> of => of.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound),
            Histogram<long> of => of.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound),
            Histogram<int> of => of.Advice?.HistogramBucketBoundaries?.Select(bound => (double)bound),
            _ => null,
        };
        return advised is null ? DefaultBounds : [.. advised.Where(double.IsFinite).Distinct().Order()];
    }

    sealed class Series(long[]? counts)
    {
        public double Value;

        public long[]? Counts { get; } = counts;

        public MetricSeries Show(string labels, double[] bounds) =>
            new(labels, Value, Counts is null ? null : new HistogramBuckets(bounds, [.. Counts]));
    }
}
