namespace OvirtSpm.Node.LeaseService;

/// <summary>A lease that is held and renewed until it is released or lost.</summary>
interface IHeldLease
{
    string Name { get; }

    /// <summary>Grows with every change of hands: a fencing token for what the holder writes elsewhere.</summary>
    ulong Version { get; }

    /// <summary>T of the host id under which it is held.</summary>
    TimeSpan IoTimeout { get; }

    /// <summary>Time left until somebody else may have it, if nothing were renewed any more.</summary>
    TimeSpan Margin { get; }

    /// <summary>Completes with the reason when it cannot be renewed any more, whatever the margin was.</summary>
    Task<string> Lost { get; }

    /// <summary>Gives it back. Only when nothing works under it any more (R8).</summary>
    /// <returns>Null when others can have it at once, otherwise why they must wait.</returns>
    Task<string?> ReleaseAsync();
}
