using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>What our looks at one host id's sector have shown.</summary>
/// <param name="FirstLook">When we began to look.</param>
/// <param name="LastLook">When our last look was asked for: what it shows is proven for then.</param>
/// <param name="LastChange">When a look that showed a change (the first one does) was answered: the change landed before.</param>
/// <param name="LifeSince">When the first look that showed this very life (owner and generation) was answered.</param>
internal sealed record HostSighting(
    LeaderRecord? Record, RecordError Error, TimeSpan FirstLook, TimeSpan LastLook, TimeSpan LastChange, TimeSpan LifeSince)
{
    public bool NeverSeenToChange => LastChange == FirstLook;

    /// <summary>How long it is proven not to have changed. A freeze of ours between two looks proves nothing about it.</summary>
    public TimeSpan ProvenUnchanged => LastLook > LastChange ? LastLook - LastChange : TimeSpan.Zero;
}
