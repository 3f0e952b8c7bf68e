using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>A run of logical extents and where it lies.</summary>
/// <param name="StartExtent">First logical extent, 0-based.</param>
/// <param name="ExtentCount">Over all stripes together; each area is <c>ExtentCount / StripeCount</c> long.</param>
/// <param name="Type">As in the text, with compatible flags after a plus sign: <c>striped</c>, <c>thin-pool+CROP_METADATA</c>.</param>
/// <param name="StripeSizeSectors">0 for one stripe.</param>
/// <param name="Areas">Empty for types that do not name areas.</param>
public sealed record LvSegment(
    long StartExtent,
    long ExtentCount,
    string Type,
    int StripeCount,
    long StripeSizeSectors,
    ImmutableArray<SegmentArea> Areas)
{
    /// <summary>One contiguous run of one physical volume: the only kind that is edited or mapped here.</summary>
    public bool IsLinear => Type is "striped" or "linear" && StripeCount == 1 && Areas is [{ PvIndex: >= 0 }];

    public long EndExtent => StartExtent + ExtentCount;
}
