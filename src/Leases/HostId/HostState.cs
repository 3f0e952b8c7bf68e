namespace OvirtSpm.Leases.HostId;

/// <summary>What may be concluded about a host from its sector not changing.</summary>
public enum HostState
{
    /// <summary>Nobody holds this host id.</summary>
    Free,

    /// <summary>Held, but not yet seen to change since we began to look: counts as alive.</summary>
    Unknown,

    /// <summary>Seen to renew within 8 T.</summary>
    Live,

    /// <summary>Did not renew for 8 T: it must have stopped writing, but its watchdog may not have fired yet.</summary>
    Fail,

    /// <summary>Did not renew for 8 T + W: whatever it held may be taken.</summary>
    Dead,

    /// <summary>The sector cannot be believed: counts as alive.</summary>
    Unreadable,
}
