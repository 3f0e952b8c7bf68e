namespace OvirtSpm.LvmMetadata.Model;

/// <summary>A logical volume's own bytes inside the group's text.</summary>
/// <param name="Block">From the end of what stands before it (white space included) to its closing brace.</param>
/// <param name="Ordinal">Grows in text order and never changes: finds the volume's place by binary search.</param>
internal readonly record struct LogicalVolumeText(ReadOnlyMemory<byte> Block, int Ordinal);
