using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Where the slots of a domain's version lie in <c>metadata</c>, and what is in them.</summary>
/// <remarks>
/// <code>
/// version   slot n                    first   size in the text      our record behind the text
/// 5         1 MiB + n × 8 KiB         1       CAP, bytes            yes
/// 4         n × 512 bytes             4       SIZE, 512-byte blocks  no: the next slot is there
/// </code>
/// Version 4 is only read. Source: oVirt's block domain.
/// </remarks>
public sealed record SlotLayout(int Version, long FirstByte, int StrideBytes)
{
    public static readonly SlotLayout Current = new(DomainLimits.Version, SlotGeometry.FirstByte, SlotGeometry.StrideBytes);

    public static readonly SlotLayout Version4 = new(DomainLimits.OldestReadVersion, 0, SlotGeometry.TextBytes);

    /// <param name="version">As <see cref="DomainMetadata"/> believes it: 4 or 5.</param>
    public static SlotLayout Of(int version) => version == DomainLimits.Version ? Current : Version4;

    /// <summary>Offset of the slot in <c>metadata</c>.</summary>
    public long OffsetBytes(int slot) => SlotGeometry.IsSlot(slot)
        ? FirstByte + (long)slot * StrideBytes
        : throw new ArgumentOutOfRangeException(nameof(slot), slot, $"slots are {SlotGeometry.FirstSlot} to {SlotGeometry.LastSlot}");
}
