namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>One line of a map's table, in sectors of 512 bytes.</summary>
/// <param name="Parameters">For "linear": <c>MAJOR:MINOR OFFSET</c>.</param>
internal sealed record MapTarget(long StartSector, long LengthSectors, string Type, string Parameters);
