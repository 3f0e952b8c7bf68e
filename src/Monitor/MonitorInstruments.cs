using System.Diagnostics.Metrics;

namespace OvirtSpm.Monitor;

/// <summary>What the monitor counts, on the program's one meter ("ovirt-spm").</summary>
public sealed class MonitorInstruments
{
    public const string MeterName = "ovirt-spm";

    public MonitorInstruments(Meter meter)
    {
        ExtendLatency = meter.CreateHistogram<double>("spm_extend_latency_seconds", "s",
            "Threshold event arrived to larger size usable by the guest",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
            });
        Extends = meter.CreateCounter<long>("spm_guest_extends", "{extend}", "Extends answered, by outcome");
        ThresholdEvents = meter.CreateCounter<long>("spm_guest_threshold_events", "{event}", "BLOCK_WRITE_THRESHOLD of watched disks");
        Pauses = meter.CreateCounter<long>("spm_guest_pauses", "{pause}", "Guests stopped by QEMU, by reason: a disk had no space, or its storage failed");
        Resumes = meter.CreateCounter<long>("spm_guest_resumes", "{resume}", "Guests continued, by reason: space arrived, or the storage is back");
        Kills = meter.CreateCounter<long>("spm_guest_kills", "{kill}", "Guests ended because they stood on a storage error for too long");
        Sessions = meter.CreateCounter<long>("spm_qmp_sessions", "{session}", "QMP sessions opened");
    }

    public Histogram<double> ExtendLatency { get; }

    public Counter<long> Extends { get; }

    public Counter<long> ThresholdEvents { get; }

    public Counter<long> Kills { get; }

    /// <summary>Tag <c>reason</c>; use <see cref="Paused"/>.</summary>
    public Counter<long> Pauses { get; }

    /// <summary>Tag <c>reason</c>; use <see cref="Resumed"/>.</summary>
    public Counter<long> Resumes { get; }

    public Counter<long> Sessions { get; }

    public void Paused(bool byError) => Pauses.Add(1, Reason(byError));

    public void Resumed(bool byError) => Resumes.Add(1, Reason(byError));

    private static KeyValuePair<string, object?> Reason(bool error) => new("reason", error ? "storage" : "space");
}
