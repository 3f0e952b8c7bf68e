using System.Diagnostics.Metrics;

namespace OvirtSpm.Node.Dashboard;

/// <summary>The instruments of one node: names, units and what each of them counts.</summary>
/// <remarks>
/// Each node makes its own and reads it with its own <see cref="MetricsCollector"/>, so that several nodes in one
/// process (tests, the demo) do not add up. Names are those a Prometheus query uses; durations are seconds.
/// Recording is thread-safe and never throws.
/// </remarks>
public sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "ovirt-spm";

    /// <summary>The roles shown as a row of their own even while they are 0, so that a graph has no gaps.</summary>
    public static readonly IReadOnlyList<string> Roles = ["joining", "following", "campaigning", "leading", "draining"];

    static readonly double[] IoSeconds =
        [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

    static readonly double[] Requests = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

    volatile Func<NodeReadings>? readings;

    public NodeMetrics() : this(new Meter(MeterName))
    {
    }

    /// <param name="meter">Owned from here on: disposed with this object.</param>
    public NodeMetrics(Meter meter)
    {
        Meter = meter;
        LeaseRenewal = Histogram("spm_lease_renewal_seconds", "s", IoSeconds, "Time one renewal of the host id took, from before its first I/O.");
        LeaseRenewalFailures = meter.CreateCounter<long>("spm_lease_renewal_failures_total", null, "Renewals that did not succeed.");
        Takeovers = meter.CreateCounter<long>("spm_takeovers_total", null, "Times this node became SPM.");
        Commits = meter.CreateCounter<long>("spm_commits_total", null, "Metadata commits acknowledged.");
        CommitsUnacknowledged = meter.CreateCounter<long>(
            "spm_commits_unacknowledged_total", null, "Metadata commits of unknown outcome: written, but not known to be durable before the deadline.");
        CommitDuration = Histogram("spm_commit_seconds", "s", IoSeconds, "Time one metadata commit took, from its first write to its last flush.");
        CommitRequests = Histogram("spm_commit_requests", null, Requests, "Requests that went into one commit.");
        Extends = meter.CreateCounter<long>("spm_extends_total", null, "Extend requests answered, by outcome.");
        ForeignWrites = meter.CreateCounter<long>("spm_foreign_writes_total", null, "Metadata texts found that were not written by an SPM.");

        StaleWrites = meter.CreateCounter<long>("spm_stale_writes_total", null, "Stale metadata writes of a former SPM that were found on disk and replaced from memory.");

        Gauge("spm_lease_margin_seconds", "s", "Time left until the deadline of the SPM lease; negative once it has passed.", now => now.LeaseMarginSeconds);
        Gauge("spm_epoch", null, "Version of the SPM lease last seen.", now => now.Epoch);
        Gauge("spm_free_bytes", "By", "Unallocated bytes of the pool.", now => now.FreeBytes);
        Gauge("spm_size_bytes", "By", "Bytes of the pool that volumes can have.", now => now.SizeBytes);
        Gauge("spm_reserve_bytes", "By", "Bytes of the pool kept for running guests.", now => now.ReserveBytes);
        Gauge("spm_space_full_in_seconds", "s", "Time until the pool is full at the rate of the last minutes; absent while nothing is allocated.", now => now.SecondsToFull);
        Gauge("spm_space_level", null, "0 ample, 1 low, 2 soon full, 3 only the reserve is left, 4 full.", now => now.SpaceLevel);
        Gauge("spm_volumes", null, "Volumes in the pool.", now => now.Volumes);
        Gauge("spm_nbd_held_writes", null, "Guest writes waiting past the end of their volume.", now => now.HeldWrites);
        Gauge("spm_guests_on_storage_error", null, "Watched guests that QEMU stopped because their storage failed, and that stand.", now => now.GuestsOnStorageError);
        Gauge("spm_watchdog_unsafe", null, "1 without a watchdog: a write already queued may land after the deadline.", now => now.WatchdogUnsafe ? 1 : 0);
        Gauge("spm_watchdog_armed", null, "1 while a watchdog resets this host unless it is fed: the SPM lease or a write under it is outstanding.", now => now.WatchdogArmed ? 1 : 0);
        meter.CreateObservableGauge("spm_device_paths", ObservePaths, null, "Paths of this host to a multipath device of the domain, by state.");
        meter.CreateObservableGauge("spm_role", ObserveRole, null, "1 for the role this node has, 0 for the others.");
    }

    public Meter Meter { get; }

    public Histogram<double> LeaseRenewal { get; }

    public Counter<long> LeaseRenewalFailures { get; }

    public Counter<long> Takeovers { get; }

    public Counter<long> Commits { get; }

    public Counter<long> CommitsUnacknowledged { get; }

    public Histogram<double> CommitDuration { get; }

    public Histogram<double> CommitRequests { get; }

    /// <summary>Tag <c>outcome</c>; use <see cref="Extended"/>.</summary>
    public Counter<long> Extends { get; }

    public Counter<long> ForeignWrites { get; }

    /// <summary>R6: found by the scrub or by a commit.</summary>
    public Counter<long> StaleWrites { get; }

    /// <summary>Where the gauges look. Asked several times per scrape, from the thread that scrapes; null shows no gauge.</summary>
    public Func<NodeReadings>? Readings
    {
        get => readings;
        set => readings = value;
    }

    // R1: only a commit whose deadline held after its last flush is counted as one.
    public void Committed(TimeSpan took, int requests)
    {
        Commits.Add(1);
        CommitDuration.Record(took.TotalSeconds);
        CommitRequests.Record(requests);
    }

    /// <param name="outcome">A word out of a small fixed set, such as <c>done</c> or <c>pool_full</c>: each makes a series.</param>
    public void Extended(string outcome) => Extends.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Dispose() => Meter.Dispose();

    Histogram<double> Histogram(string name, string? unit, double[] bounds, string description) =>
        Meter.CreateHistogram(name, unit, description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });

    void Gauge(string name, string? unit, string description, Func<NodeReadings, double?> read) =>
        Meter.CreateObservableGauge(name, () => Observe(read), unit, description);

    IEnumerable<Measurement<double>> Observe(Func<NodeReadings, double?> read) =>
        readings?.Invoke() is { } now && read(now) is { } value ? [new Measurement<double>(value)] : [];

    IEnumerable<Measurement<double>> ObservePaths() => (readings?.Invoke().Devices ?? []).SelectMany(device => new (string State, int Paths)[] { ("usable", device.Usable), ("failed", device.Failed) }.Select(some =>
        new Measurement<double>(some.Paths, new KeyValuePair<string, object?>("device", device.Device), new KeyValuePair<string, object?>("state", some.State))));

    IEnumerable<Measurement<double>> ObserveRole() =>
        readings?.Invoke() is not { Role: var role }
            ? []
            : Roles.Append(role).Distinct(StringComparer.Ordinal).Select(
                name => new Measurement<double>(name == role ? 1 : 0, new KeyValuePair<string, object?>("role", name)));
}
