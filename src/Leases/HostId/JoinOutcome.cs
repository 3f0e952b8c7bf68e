using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>How an attempt to take a host id ended.</summary>
public abstract record JoinOutcome
{
    private JoinOutcome()
    {
    }

    /// <summary>The host id is ours until <see cref="LeaseKeeper.Deadline"/>; renewing must begin now.</summary>
    public sealed record Joined(ulong Generation) : JoinOutcome;

    /// <summary>Another living host uses this host id.</summary>
    public sealed record Busy(string Holder, ulong Generation, string Why) : JoinOutcome;

    /// <summary>What lies on disk does not allow it.</summary>
    /// <param name="SectorOffsetBytes">Where in the lease area.</param>
    public sealed record Refused(RecordError Error, long SectorOffsetBytes, string Text) : JoinOutcome;

    /// <summary>The storage did not answer in time or failed. A write of ours may still land; nothing was granted.</summary>
    public sealed record IoFailed(string Text) : JoinOutcome;
}
