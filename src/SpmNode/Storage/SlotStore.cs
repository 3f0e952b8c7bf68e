using System.Buffers;
using OvirtSpm.Leases;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>The volume slots in the <c>metadata</c> volume: read all, read one, write one.</summary>
sealed class SlotStore(ILeaseArea area, Guid domain, SlotLayout? layout = null)
{
    const int SlotsPerRead = 128;

    readonly SlotLayout layout = layout ?? SlotLayout.Current;

    public async Task<SlotReading> ReadAsync(int slot)
    {
        var bytes = new byte[layout.StrideBytes];
        await area.ReadAsync(layout.OffsetBytes(slot), bytes);
        return SlotReading.Read(slot, bytes, domain, layout.Version);
    }

    /// <summary>Reads the slots named, neighbours together: a domain of 1,947 volumes costs 16 reads.</summary>
    public async Task<IReadOnlyDictionary<int, SlotReading>> ReadAsync(IEnumerable<int> slots)
    {
        var found = new Dictionary<int, SlotReading>();
        foreach (var group in slots.Distinct().Order().GroupBy(slot => slot / SlotsPerRead))
        {
            var (first, last) = (group.First(), group.Last());
            var size = (last - first + 1) * layout.StrideBytes;
            var buffer = ArrayPool<byte>.Shared.Rent(size);
            await area.ReadAsync(layout.OffsetBytes(first), buffer.AsMemory(0, size));
            foreach (var slot in group)
            {
                found[slot] = SlotReading.Read(slot, buffer.AsSpan((slot - first) * layout.StrideBytes, layout.StrideBytes), domain, layout.Version);
            }
            // Not after a failure: whoever gave up on a read does not know whether the device is done with the memory.
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return found;
    }

    /// <summary>Writes the text and the record that confirms it; durable on return.</summary>
    /// <remarks>
    /// The record goes first and carries the checksums of both texts: a crash between the two writes leaves the old text
    /// with a record that knows it ("announced, did not happen"), never a text that nothing vouches for.
    /// With sectors of 4096 bytes both lie in one sector and one write does it.
    /// </remarks>
    public async Task WriteAsync(int slot, Guid volume, VolumeSlot text)
    {
        if (layout.Version != SlotLayout.Current.Version)
        {
            throw new InvalidOperationException("slots of version 4 are only read");
        }
        var head = new byte[Math.Max(area.SectorSize, SlotGeometry.TextBytes + SlotRecord.SizeBytes)];
        var at = layout.OffsetBytes(slot);
        await area.ReadAsync(at, head);
        var next = new byte[SlotGeometry.TextBytes];
        if (text.Write(next) is var error && error != SlotError.None)
        {
            throw Refusal.Invalid($"the description of volume {volume} does not fit its slot: {error}.");
        }
        SlotRecord.For(slot, volume, domain, next, head.AsSpan(0, SlotGeometry.TextBytes)).Format(head.AsSpan(SlotRecord.OffsetBytes, SlotRecord.SizeBytes));
        if (area.SectorSize == SlotGeometry.TextBytes)
        {
            await area.WriteAsync(at + SlotRecord.OffsetBytes, head.AsMemory(SlotRecord.OffsetBytes, SlotRecord.SizeBytes));
            await area.WriteAsync(at, next);
            return;
        }
        next.CopyTo(head.AsSpan());
        await area.WriteAsync(at, head);
    }
}
