using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Where a volume's slot and its lease are.</summary>
/// <remarks>Slot n is 8 KiB at 1 MiB + n × 8 KiB of <c>metadata</c>; its lease is lease slot 100 + n of <c>leases</c>.</remarks>
public static class SlotGeometry
{
    /// <summary>oVirt's text.</summary>
    public const int TextBytes = 512;

    /// <summary>Distance between slots.</summary>
    public const int StrideBytes = 8192;

    public const long FirstByte = 1L << 20;

    /// <summary>Slot 0 is reserved.</summary>
    public const int FirstSlot = 1;

    /// <summary>2048 − 1 − 100: every volume needs a lease slot as well.</summary>
    public const int LastSlot = DomainLimits.LeaseSlots - 1 - DomainLimits.ReservedLeaseSlots;

    /// <summary>The most volumes a version 5 domain holds.</summary>
    public const int MaximumVolumes = LastSlot;

    public static bool IsSlot(int slot) => slot is >= FirstSlot and <= LastSlot;

    /// <summary>Offset of the slot in <c>metadata</c>.</summary>
    public static long OffsetBytes(int slot) => FirstByte + (long)Checked(slot) * StrideBytes;

    /// <summary>Offset of the volume's lease in <c>leases</c>.</summary>
    public static long LeaseOffsetBytes(int slot, long alignmentBytes = DomainLimits.AlignmentBytes) =>
        (DomainLimits.ReservedLeaseSlots + (long)Checked(slot)) * alignmentBytes;

    /// <returns>The lowest slot that is not taken, null when the domain holds all volumes it can.</returns>
    public static int? FirstFree(IEnumerable<int> taken)
    {
        var slots = taken.ToHashSet();
        for (var slot = FirstSlot; slot <= LastSlot; slot++)
        {
            if (!slots.Contains(slot))
            {
                return slot;
            }
        }

        return null;
    }

    private static int Checked(int slot) =>
        IsSlot(slot) ? slot : throw new ArgumentOutOfRangeException(nameof(slot), slot, $"slots are {FirstSlot} to {LastSlot}");
}
