namespace OvirtSpm.Leases.OnDisk;

/// <summary>Which of the two lease kinds a leader record belongs to.</summary>
public enum LeaderKind
{
    /// <summary>A sector of a lockspace: one host id, held by renewing it.</summary>
    HostId,

    /// <summary>Sector 0 of a resource: held as long as the owner's host id.</summary>
    Resource,
}
