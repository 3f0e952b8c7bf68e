namespace OvirtSpm.Volumes.Domain;

/// <summary>How far a volume group has come on its way to being a domain.</summary>
public enum DomainState
{
    /// <summary>Neither of the two tags: not a domain.</summary>
    NotADomain,

    /// <summary>Creation began and did not end; it may be removed, never served.</summary>
    Unready,

    Ready,

    /// <summary>Both tags: no tool leaves that behind. Do not serve; a person decides.</summary>
    Contradictory,
}
