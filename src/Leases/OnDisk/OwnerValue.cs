namespace OvirtSpm.Leases.OnDisk;

/// <summary>What a ballot agrees on: the next owner of a resource, as (host id, generation, its own clock's seconds).</summary>
public readonly record struct OwnerValue(ulong HostId, ulong Generation, ulong Timestamp)
{
    public bool IsNone => HostId == 0;
}
