namespace OvirtSpm.LvmMetadata.Mapping;

/// <summary>One line of a device-mapper table: <c>start length linear device offset</c>, all in 512-byte sectors.</summary>
/// <param name="Device"><c>major:minor</c> or a path.</param>
public readonly record struct DmLinearTarget(long StartSector, long LengthSectors, string Device, long OffsetSectors)
{
    public override string ToString() => $"{StartSector} {LengthSectors} linear {Device} {OffsetSectors}";
}
