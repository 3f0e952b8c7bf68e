using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>One host id as this host sees it now.</summary>
/// <param name="Holder">The unique name its holder wrote.</param>
/// <param name="Since">When we last saw it change, as time since boot on our boot clock.</param>
/// <param name="UnchangedFor">From then to our last look: what is proven, not what has passed meanwhile.</param>
/// <param name="IoTimeout">From its sector; zero when it states none.</param>
/// <param name="Timestamp">Whole seconds of that host's own clock; only change means anything.</param>
public readonly record struct HostView(
    int Id, ulong Generation, LeaseName Holder, HostState State, TimeSpan Since, TimeSpan UnchangedFor, TimeSpan IoTimeout, ulong Timestamp)
{
    public string Name => Holder.ToString();
}
