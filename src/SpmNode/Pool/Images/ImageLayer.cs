using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>One volume of a chain as work on its content needs it: where its bytes are, and how they are laid out.</summary>
/// <param name="Format">Declared by the slot, never probed: a guest can write any header into a raw disk.</param>
/// <param name="SizeBytes">How much of the extents counts: all of a cow volume, the disk of a raw one.</param>
sealed record ImageLayer(string Volume, VolumeFormat Format, long SizeBytes, IReadOnlyList<SegmentReply> Segments);
