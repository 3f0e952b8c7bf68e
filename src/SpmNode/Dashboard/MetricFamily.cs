namespace OvirtSpm.Node.Dashboard;

/// <summary>One metric as it is shown: all its series at one moment.</summary>
/// <param name="Name">As the instrument calls itself; made a legal name when it is written.</param>
/// <param name="Series">Sorted by <see cref="MetricSeries.Labels"/>, no two alike.</param>
internal sealed record MetricFamily(string Name, MetricKind Kind, string Help, IReadOnlyList<MetricSeries> Series);

internal enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>One series of a metric.</summary>
/// <param name="Labels">As <see cref="PrometheusText.Labels"/> renders them, empty without any.</param>
/// <param name="Value">The value of a counter or gauge, the sum of a histogram.</param>
/// <param name="Buckets">Null unless a histogram.</param>
internal sealed record MetricSeries(string Labels, double Value, HistogramBuckets? Buckets = null);

/// <summary>How many measurements fell where.</summary>
/// <param name="Bounds">Upper bounds, inclusive, ascending, without infinity.</param>
/// <param name="Counts">One more than there are bounds, not cumulative; the last counts what is above every bound.</param>
internal sealed record HistogramBuckets(IReadOnlyList<double> Bounds, IReadOnlyList<long> Counts);
