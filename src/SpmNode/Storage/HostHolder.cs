using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Node.Storage;

/// <summary>A host id that stands on disk as held, or whose sector cannot be believed.</summary>
/// <param name="Lease">Meaningless unless <paramref name="Error"/> is None.</param>
sealed record HostHolder(int HostId, RecordError Error, LeaderRecord? Lease)
{
    public bool IsBelieved => Error == RecordError.None;

    /// <summary>For people.</summary>
    public string Name => IsBelieved ? $"host id {HostId} ('{Lease!.Resource}')" : $"host id {HostId} (its sector cannot be believed: {Error})";

    /// <summary>Nothing was renewed, given back or taken between this look and that one.</summary>
    public bool IsSameLife(HostHolder now) =>
        IsBelieved && now.IsBelieved && HostId == now.HostId && Lease!.OwnerGeneration == now.Lease!.OwnerGeneration && Lease.Timestamp == now.Lease.Timestamp;
}
