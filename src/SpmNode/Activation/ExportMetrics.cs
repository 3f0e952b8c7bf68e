using System.Diagnostics.Metrics;

namespace OvirtSpm.Node.Activation;

/// <summary>The instruments of a node's exports. Tags are words out of small sets, never a volume's name.</summary>
public sealed class ExportMetrics
{
    static readonly double[] HoldSeconds = [0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

    readonly Counter<long> requests;
    readonly Counter<long> bytes;
    readonly Counter<long> failures;
    readonly Counter<long> heldWrites;
    readonly Histogram<double> holds;
    double longestHoldSeconds;

    /// <param name="meter">The node's own; its name is <c>ovirt-spm</c>.</param>
    public ExportMetrics(Meter meter)
    {
        requests = meter.CreateCounter<long>("spm_nbd_requests_total", null, "Requests of guests, by kind.");
        bytes = meter.CreateCounter<long>("spm_nbd_bytes_total", "By", "Bytes guests read, wrote and zeroed, by kind.");
        failures = meter.CreateCounter<long>("spm_nbd_errors_total", null, "Requests answered with an error, by error.");
        heldWrites = meter.CreateCounter<long>("spm_nbd_held_writes_total", null, "Writes that waited past the end of their volume, by how that ended.");
        holds = meter.CreateHistogram(
            "spm_nbd_hold_seconds", "s", "Time a write waited past the end of its volume.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = HoldSeconds });
        meter.CreateObservableGauge("spm_nbd_longest_hold_seconds", () => LongestHold.TotalSeconds, "s", "The longest wait of a write since the node started.");
    }

    public TimeSpan LongestHold => TimeSpan.FromSeconds(Volatile.Read(ref longestHoldSeconds));

    internal void Requested(string kind, long lengthBytes)
    {
        requests.Add(1, new KeyValuePair<string, object?>("kind", kind));
        if (lengthBytes > 0)
        {
            bytes.Add(lengthBytes, new KeyValuePair<string, object?>("kind", kind));
        }
    }

    internal void Failed(string error) => failures.Add(1, new KeyValuePair<string, object?>("error", error));

    internal void Held(TimeSpan took, string outcome)
    {
        heldWrites.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        holds.Record(took.TotalSeconds);
        double seen;
        while ((seen = Volatile.Read(ref longestHoldSeconds)) < took.TotalSeconds
               && Interlocked.CompareExchange(ref longestHoldSeconds, took.TotalSeconds, seen) != seen)
        {
        }
    }
}
