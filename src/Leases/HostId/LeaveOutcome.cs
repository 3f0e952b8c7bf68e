namespace OvirtSpm.Leases.HostId;

/// <summary>How giving a host id back ended.</summary>
public abstract record LeaveOutcome
{
    private LeaveOutcome()
    {
    }

    /// <summary>The sector says free: others need not wait.</summary>
    public sealed record Left : LeaveOutcome;

    /// <summary>The host id is left to expire: others wait until it is provably dead.</summary>
    public sealed record LeftToExpire(string Why) : LeaveOutcome;
}
