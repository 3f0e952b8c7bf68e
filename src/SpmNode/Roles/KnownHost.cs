using System.Globalization;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>One host id as the lockspace and the host records show it.</summary>
/// <param name="Record">The newest one that can be believed, of whatever incarnation; null when it left none.</param>
sealed record KnownHost(int Id, HostView View, HostRecord? Record)
{
    public HostState State => View.State;

    /// <summary>What whoever speaks of it calls it; the number of a host id that nobody ever used.</summary>
    public string Name => Record?.Name ?? (View.Name.Length > 0 ? View.Name : $"{Id}");

    /// <summary>Nobody ever held this host id.</summary>
    public bool IsUnused => View is { State: HostState.Free, Generation: 0 } && Record is null;

    public static async Task<IReadOnlyList<KnownHost>> AllAsync(Membership membership)
    {
        var hosts = new List<KnownHost>();
        foreach (var view in membership.Keeper?.Hosts.Snapshot() ?? [])
        {
            hosts.Add(await OfAsync(membership, view));
        }
        return hosts;
    }

    /// <summary>All that somebody may mean by this; the likeliest first: a node that moved to another host id left its name behind.</summary>
    /// <param name="host">Host id or name.</param>
    /// <param name="orUnused">Also a host id that nobody ever used.</param>
    /// <exception cref="Refusal">Nobody is meant.</exception>
    public static async Task<IReadOnlyList<KnownHost>> FindAsync(Membership membership, string host, bool orUnused = false)
    {
        if (int.TryParse(host, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
        {
            return SpmLayout.IsHost(id) && membership.Keeper?.Hosts.Find(id) is { } view && await OfAsync(membership, view) is var known && (orUnused || !known.IsUnused)
                ? [known]
                : throw Refusal.NotFound($"host id {host} was never used in this pool. 'spm host list' shows who is there.");
        }
        var named = (await AllAsync(membership)).Where(known => known.Record?.Name == host).OrderBy(known => known.State == HostState.Free).ToList();
        return named.Count > 0 ? named : throw Refusal.NotFound($"no host is called '{host}'. 'spm host list' shows who is there.");
    }

    static async Task<KnownHost> OfAsync(Membership membership, HostView view) =>
        new(view.Id, view, membership.RecordOf(view.Id, view.Generation) ?? await membership.ReadRecordAsync(view.Id));

    public override string ToString() => Call(Id, Name);

    /// <summary>A host id by its name where one is known.</summary>
    public static string Call(int hostId, string? name) => name is null ? $"host id {hostId}" : $"'{name}' (host id {hostId})";
}
