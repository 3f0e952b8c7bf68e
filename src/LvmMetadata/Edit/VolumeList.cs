using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>A group's volumes after a batch, still in text order.</summary>
internal static class VolumeList
{
    /// <param name="before">Ordinals ascend.</param>
    /// <param name="changes">By ordinal; null means removed.</param>
    /// <param name="firstNew">Ordinals from here on are new ...</param>
    /// <param name="end">... up to here.</param>
    public static ImmutableArray<LogicalVolume> Apply(
        ImmutableArray<LogicalVolume> before, Dictionary<int, LogicalVolume?> changes, int firstNew, int end)
    {
        var list = new LogicalVolume?[before.Length + (end - firstNew)];
        before.AsSpan().CopyTo(list!);
        var removed = 0;
        foreach (var (ordinal, volume) in changes)
        {
            list[ordinal >= firstNew ? before.Length + (ordinal - firstNew) : IndexOf(before, ordinal)] = volume;
            removed += volume is null ? 1 : 0;
        }
        if (removed == 0)
        {
            return System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(list)!;
        }
        var kept = ImmutableArray.CreateBuilder<LogicalVolume>(list.Length - removed);
        foreach (var volume in list)
        {
            if (volume is not null)
            {
                kept.Add(volume);
            }
        }
        return kept.MoveToImmutable();
    }

    private static int IndexOf(ImmutableArray<LogicalVolume> volumes, int ordinal)
    {
        int low = 0, high = volumes.Length - 1;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (volumes[middle].Text.Ordinal < ordinal)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low;
    }
}
