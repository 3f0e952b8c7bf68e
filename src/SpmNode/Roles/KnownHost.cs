using OvirtSpm.Leases.HostId;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>One host id as the lockspace and the host records show it.</summary>
/// <param name="Record">The newest one that can be believed, of whatever incarnation; null when it left none.</param>
sealed record KnownHost(int Id, HostView View, HostRecord? Record)
{
    public HostState State => View.State;

    /// <summary>What whoever speaks of it calls it.</summary>
    public string Name => Record?.Name ?? View.Name;

    public static async Task<IReadOnlyList<KnownHost>> AllAsync(Membership membership)
    {
        var hosts = new List<KnownHost>();
        foreach (var view in membership.Keeper?.Hosts.Snapshot() ?? [])
        {
            var record = membership.RecordOf(view.Id, view.Generation) ?? await membership.ReadRecordAsync(view.Id);
            hosts.Add(new KnownHost(view.Id, view, record));
        }
        return hosts;
    }

    public override string ToString() => $"'{Name}' (host id {Id})";
}
