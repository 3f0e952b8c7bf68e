namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Where one stripe of a segment begins.</summary>
/// <param name="PvIndex">Index of the physical volume, or -1 when the area lies in another logical volume.</param>
/// <param name="Name">As in the text: <c>pv0</c> or a logical volume's name.</param>
/// <param name="StartExtent">First extent there.</param>
public readonly record struct SegmentArea(int PvIndex, string Name, long StartExtent);
