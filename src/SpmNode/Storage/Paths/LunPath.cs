namespace OvirtSpm.Node.Storage.Paths;

/// <summary>One way from this host to a LUN.</summary>
/// <param name="Number">The kernel's, such as 8:16.</param>
/// <param name="Name">Such as sdb; the number where the kernel has none.</param>
/// <param name="IsUsable">device-mapper sends I/O down it.</param>
/// <param name="Failures">How often it failed since the map was made.</param>
sealed record LunPath(string Number, string Name, bool IsUsable, int Failures);
