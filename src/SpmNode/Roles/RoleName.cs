namespace OvirtSpm.Node.Roles;

public enum RoleName
{
    /// <summary>Takes or re-takes its host id; serves nothing new.</summary>
    Joining,

    /// <summary>An HSM: another host is SPM, or nobody is yet.</summary>
    Following,

    /// <summary>Tries to become SPM.</summary>
    Campaigning,

    /// <summary>SPM.</summary>
    Leading,

    /// <summary>Was asked to stop: answers what it accepted, then hands over.</summary>
    Draining,
}
