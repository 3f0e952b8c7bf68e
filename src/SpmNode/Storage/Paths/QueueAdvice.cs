using OvirtSpm.Leases;

namespace OvirtSpm.Node.Storage.Paths;

/// <summary>Does the time that I/O waits without a path fit the lease? It should be the lease's: eight io timeouts.</summary>
/// <remarks><code>
/// paths gone   renewals wait                     8 T: the lease is over, the watchdog resets an SPM
///              waits shorter: I/O fails, guests pause and the role is lost, though the lease would have outlasted the outage
///              waits longer: I/O of this host is still queued when others may have taken its place, and lands when a path is back
/// </code></remarks>
static class QueueAdvice
{
    /// <returns>Null when all is well, or nothing is known.</returns>
    public static string? For(string map, QueueLimit limit, LeaseTiming timing) => limit switch
    {
        QueueLimit.Forever =>
            $"{map} queues I/O for ever when it has no path: what waits outlives the lease ({timing.Expiry.TotalSeconds:0} s), lands whenever a path comes back, and processes that wait cannot be ended. {Cure(timing)}",
        QueueLimit.For { Time: var time } when time > timing.Expiry =>
            $"{map} queues I/O for {time.TotalSeconds:0} s when it has no path, longer than the lease lasts ({timing.Expiry.TotalSeconds:0} s): what waits then may land when another host is SPM. {Cure(timing)}",
        QueueLimit.For { Time: var time } when time < timing.Expiry / 2 =>
            $"{map} queues I/O for only {time.TotalSeconds:0} s when it has no path: guests pause and the role is lost in outages that the lease ({timing.Expiry.TotalSeconds:0} s) would outlast. {Cure(timing)}",
        QueueLimit.None =>
            $"{map} fails I/O at once when it has no path: guests pause and the role is lost in outages that the lease ({timing.Expiry.TotalSeconds:0} s) would outlast. {Cure(timing)}",
        _ => null,
    };

    static string Cure(LeaseTiming timing) =>
        $"Set no_path_retry × polling_interval to {timing.Expiry.TotalSeconds:0} s in /etc/multipath.conf (with polling_interval 5: overrides {{ no_path_retry {Math.Max(1, (int)(timing.Expiry.TotalSeconds / 5))} }}, since what multipathd knows of the array itself goes before its defaults), then 'multipathd reconfigure'.";
}
