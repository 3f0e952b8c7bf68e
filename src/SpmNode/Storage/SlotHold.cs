using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Storage;

/// <summary>This host's activation-map entry for a slot while the SPM itself writes into the volume's extents.</summary>
/// <remarks>
/// R13: a successor must not give the extents away while a write of ours may still be on its way. Whoever disposes of this has
/// awaited every write, so the entry has done its work whatever became of the volume.
/// </remarks>
sealed class SlotHold : IAsyncDisposable
{
    readonly ActivationMaps maps;
    readonly Func<ulong> generation;

    SlotHold(ActivationMaps maps, int slot, Func<ulong> generation) => (this.maps, Slot, this.generation) = (maps, slot, generation);

    public int Slot { get; }

    /// <summary>Durable on return.</summary>
    /// <returns>Null while this host has the slot in another use.</returns>
    public static async Task<SlotHold?> TryTakeAsync(ActivationMaps maps, int slot, Func<ulong> generation)
    {
        if (!maps.TryHold(slot))
        {
            return null;
        }
        var hold = new SlotHold(maps, slot, generation);
        try
        {
            await maps.SetAsync(slot, ActivationMode.Working, generation());
            return hold;
        }
        catch
        {
            // The write may have arrived although it failed.
            await hold.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await maps.SetAsync(Slot, ActivationMode.Inactive, generation());
        }
        finally
        {
            maps.Release(Slot);
        }
    }
}
