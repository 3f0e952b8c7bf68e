namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>One gate and its hold.</summary>
/// <param name="StartBytes">Where it begins on the guest's disk.</param>
/// <param name="Gate">Number of the device whose requests are counted.</param>
internal sealed record TailLink(int Number, long StartBytes, string Gate);

/// <summary>What the kernel has above a volume's own map. Pure.</summary>
/// <param name="EndBytes">How far the guest's requests reach the volume, through the guest's map and every hold that lets them pass.</param>
/// <param name="Links">In the guest's map the first, in its hold the second, and so on; only the last one may hold anything.</param>
/// <param name="IsDropped">The last one does not hold: what is behind the end fails, and the guest's map is to end there.</param>
internal sealed record TailChain(long EndBytes, IReadOnlyList<TailLink> Links, bool IsDropped)
{
    /// <summary>Reads it back from the maps.</summary>
    /// <returns>Null when it is not as we make it.</returns>
    public static TailChain? Read(MapState guest, string volume, IReadOnlyList<MapState> layers)
    {
        var links = new List<TailLink>();
        if (guest.Live is not [var first, ..] || TailTable.DeviceOf(first) != volume || guest.Live.Count > 2)
        {
            return null;
        }
        var end = first.LengthSectors * TailTable.SectorBytes;
        // A gate leads to its hold, and the hold, once it passes, to the volume and the next gate.
        for (var next = guest.Live.Count == 2 ? TailTable.DeviceOf(guest.Live[1]) : null; next is not null;)
        {
            if (layers.FirstOrDefault(map => map.Number == next) is not { Live: [var through] } gate
                || layers.FirstOrDefault(map => map.Number == TailTable.DeviceOf(through)) is not { Live.Count: 1 or 2 } hold)
            {
                return null;
            }
            links.Add(new TailLink(TailLayers.NumberOf(gate.Uuid), end, gate.Number));
            if (hold.Live[0].Type == "error")
            {
                return new TailChain(end, links, IsDropped: false);
            }
            if (TailTable.DeviceOf(hold.Live[0]) != volume)
            {
                return null;
            }
            end += hold.Live[0].LengthSectors * TailTable.SectorBytes;
            next = hold.Live.Count == 2 ? TailTable.DeviceOf(hold.Live[1]) : null;
            if (next is null)
            {
                return new TailChain(end, links, IsDropped: true);
            }
        }
        return new TailChain(end, links, IsDropped: true);
    }
}
