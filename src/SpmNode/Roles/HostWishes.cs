namespace OvirtSpm.Node.Roles;

/// <summary>What a host was told to want; kept in its record on the LUN, where every host reads it.</summary>
/// <param name="Preference">0 to 100: the host with more should be SPM.</param>
/// <param name="Maintenance">It does not want to be SPM.</param>
public readonly record struct HostWishes(int Preference, bool Maintenance);
