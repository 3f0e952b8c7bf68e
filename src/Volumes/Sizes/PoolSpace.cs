using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Sizes;

/// <summary>A pool's space at one moment, and what its rules say of it. Pure arithmetic.</summary>
/// <remarks>
/// <code>
/// 0                        allocated                             size − reserve      size
/// |========================|                                     |                   |
///                           creations ------------------------->|
///                           persons' extends ----------------------------->| half
///                           guests' extends ------------------------------------------>|
/// </code>
/// </remarks>
/// <param name="SizeBytes">All that volumes can have: without the special volumes.</param>
/// <param name="FreeBytes">What this host could give away as SPM.</param>
/// <param name="PromisedBytes">What the volumes come to when each is as large as it can become.</param>
public readonly record struct PoolSpace(long SizeBytes, long FreeBytes, long PromisedBytes, SpaceTags Rules, long ExtentBytes)
{
    /// <summary>Not allocated either, on devices that this host does not see: it gives nothing of it.</summary>
    public long UnseenBytes { get; init; }

    public long AllocatedBytes => SizeBytes - FreeBytes - UnseenBytes;

    /// <summary>Kept for running guests: whole extents, never more than the pool.</summary>
    public long ReserveBytes => Reserve(SizeBytes, Rules, ExtentBytes);

    /// <summary>The most that may be promised; null: no limit.</summary>
    public long? PromiseLimitBytes => Rules.OvercommitPercent is { } percent ? (long)((Int128)SizeBytes * percent / 100) : null;

    /// <summary>How much of it is to stay free when this one has taken what it wants.</summary>
    public static long Floor(SpaceUse use, long sizeBytes, SpaceTags rules, long extentBytes) => use switch
    {
        SpaceUse.Creation => Reserve(sizeBytes, rules, extentBytes),
        SpaceUse.Person => Reserve(sizeBytes, rules, extentBytes) / 2 / extentBytes * extentBytes,
        _ => 0,
    };

    private static long Reserve(long sizeBytes, SpaceTags rules, long extentBytes)
    {
        var wanted = Int128.Max((Int128)sizeBytes * rules.ReservePercent / 100, (Int128)rules.ReserveMib << 20);
        return (long)Int128.Min((wanted + extentBytes - 1) / extentBytes, sizeBytes / extentBytes) * extentBytes;
    }
}
