using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Everything of a group's text that is not a logical volume, cut into pieces that are copied as they are.</summary>
/// <remarks>
/// The text is: <c>Open</c>, the items in order (one of them stands for the logical volumes), <c>Close</c>, <c>Trailer</c>.
/// Each piece begins where the one before it ends, so white space and comments belong to the piece that follows them.
/// </remarks>
/// <param name="Open"><c>name {</c></param>
/// <param name="Items">Keys and sections of the group in text order.</param>
/// <param name="LvOpen">White space and <c>logical_volumes {</c>.</param>
/// <param name="LvClose">What follows the last volume, up to the section's brace.</param>
/// <param name="LvAbsent">Stands in for the section while there are no volumes.</param>
/// <param name="Close">White space and the group's closing brace.</param>
/// <param name="Trailer">All after it: version, description, writer, time.</param>
/// <param name="ForeignTrailer">Items of the trailer that neither lvm2 nor we know; kept when we write our own.</param>
internal sealed record VolumeGroupSkeleton(
    ReadOnlyMemory<byte> Open,
    ImmutableArray<SkeletonItem> Items,
    ReadOnlyMemory<byte> LvOpen,
    ReadOnlyMemory<byte> LvClose,
    ReadOnlyMemory<byte> LvAbsent,
    ReadOnlyMemory<byte> Close,
    ReadOnlyMemory<byte> Trailer,
    ReadOnlyMemory<byte> ForeignTrailer);
