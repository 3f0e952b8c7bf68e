using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>How an attempt to take a resource ended.</summary>
public abstract record AcquireOutcome
{
    private AcquireOutcome()
    {
    }

    /// <summary>The resource is ours, in this version, for as long as our host id is.</summary>
    public sealed record Acquired(ulong LeaseVersion) : AcquireOutcome;

    /// <param name="Name">The owner's unique host name, when its sector could be read.</param>
    public sealed record OwnedByLiveHost(int OwnerId, ulong Generation, string? Name) : AcquireOutcome;

    /// <summary>The owner does not renew, but it is not yet proven that it stopped.</summary>
    /// <param name="Remaining">The longest time until it is.</param>
    public sealed record OwnerMayLive(int OwnerId, ulong Generation, string? Name, TimeSpan Remaining) : AcquireOutcome;

    /// <summary>Somebody holds it shared.</summary>
    public sealed record SharedByLiveHosts(IReadOnlyList<int> HostIds) : AcquireOutcome;

    /// <summary>What lies on disk does not allow it.</summary>
    /// <param name="SectorOffsetBytes">Where in the resource's area.</param>
    public sealed record Refused(RecordError Error, long SectorOffsetBytes, string Text) : AcquireOutcome;

    /// <summary>Our host id's deadline passed while we tried: nothing is ours.</summary>
    public sealed record LostHostId(string Text) : AcquireOutcome;

    /// <summary>Rivals kept outvoting us; try again after a pause.</summary>
    public sealed record Contended(string Text) : AcquireOutcome;

    /// <summary>The storage did not answer, before anything could have made us owner.</summary>
    public sealed record IoFailed(string Text) : AcquireOutcome;

    /// <summary>It ended after our proposal was out, or while the leader named us: we may be owner, now or later. Acquire again for the answer.</summary>
    public sealed record Unknown(string Text) : AcquireOutcome;
}
