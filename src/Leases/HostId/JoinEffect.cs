using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>What joining wants done next.</summary>
internal abstract record JoinEffect
{
    private JoinEffect()
    {
    }

    public sealed record Read : JoinEffect;

    public sealed record Wait(TimeSpan Time) : JoinEffect;

    /// <summary>Take the time, then write <see cref="HostIdJoin.RecordAt"/> of it.</summary>
    public sealed record Write : JoinEffect;

    public sealed record Done(JoinOutcome Outcome) : JoinEffect;

    public static readonly Read ReadSector = new();
    public static readonly Write WriteSector = new();
}
