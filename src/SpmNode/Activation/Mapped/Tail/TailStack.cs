using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>The maps above one volume's own: what its guests open, and behind the end a gate and a hold for each growth that the guest's map does not show yet.</summary>
/// <remarks>
/// <code>
/// guest   0 .. end         volume's own map
///         end .. size      gate 1 ▶ hold 1 (suspended, table "error"): writes wait, flushes do not
/// grown:                   gate 1 ▶ hold 1: volume, then gate 2 ▶ hold 2 (suspended, "error")
/// reshaped:
/// guest   0 .. new end     volume's own map
///         new end .. size  gate 2 ▶ hold 2
/// </code>
/// Every step leaves what <see cref="TailChain.Read"/> understands. Not for several threads at once.
/// </remarks>
internal sealed class TailStack
{
    private const long LargestSectorBytes = 4096;

    private readonly IDeviceMapper _mapper;
    private readonly MapIdentity _volume, _guest;
    private readonly string _number;
    private readonly long _sizeBytes;
    private readonly long? _reserveBytes;
    private TailChain _chain;
    private (long EndBytes, string? Gate) _shaped;
    private long _allocatedBytes;

    private TailStack(IDeviceMapper mapper, MapIdentity volume, string number, TailChain chain, (long EndBytes, string? Gate) shaped, long allocatedBytes, long sizeBytes, long? reserveBytes)
    {
        (_mapper, _volume, _guest, _number) = (mapper, volume, TailLayers.GuestOf(volume), number);
        (_chain, _shaped, _allocatedBytes, _sizeBytes, _reserveBytes) = (chain, shaped, allocatedBytes, sizeBytes, reserveBytes);
    }

    /// <summary>Where the guest's writes wait, or fail.</summary>
    public long EndBytes => _chain.EndBytes;

    public bool IsDropped => _chain.IsDropped;

    public bool IsShaped => _shaped == (_chain.EndBytes, HeldGate(_chain));

    /// <summary>R15: the volume has this much more than its guest is let write, or will from its next growth on.</summary>
    public long ReserveBytes => _reserveBytes ?? 0;

    /// <summary>Nothing leads behind the end of the guest's map, so that nothing can keep a change of it waiting.</summary>
    public bool EndsGuest => _shaped.Gate is null;

    public InFlight Waiting => HeldGate(_chain) is { } gate ? _mapper.InFlight(gate) : default;

    /// <summary>Above a volume's own map, of which nobody else has anything open.</summary>
    /// <param name="writtenBytes">Nothing behind them is in use.</param>
    public static TailStack Make(IDeviceMapper mapper, MapIdentity volume, long allocatedBytes, long writtenBytes, long sizeBytes, long reserveBytes)
    {
        var (guest, own) = (TailLayers.GuestOf(volume), Require(mapper, volume.Uuid));
        // R15: as much of its last extent as its guest has not written to.
        var end = Math.Min(allocatedBytes, Math.Max(allocatedBytes - reserveBytes, CowSizes.RoundUp(writtenBytes, LargestSectorBytes)));
        var chain = new TailChain(end, [], IsDropped: true);
        var stack = new TailStack(mapper, volume, own.Number, chain, (end, null), allocatedBytes, sizeBytes, reserveBytes);
        stack.Hold(end);
        stack._shaped = (end, HeldGate(stack._chain));
        mapper.Create(guest.Name, guest.Uuid);
        mapper.Load(guest.Uuid, stack.GuestTable(stack._chain), readOnly: false);
        mapper.Resume(guest.Uuid);
        return stack;
    }

    /// <summary>As an earlier life of this node left it, below whoever has it open: what waits there waits on.</summary>
    /// <param name="reserveBytes">Null: it holds nothing from now on.</param>
    /// <returns>Null when it is not as we make it.</returns>
    public static TailStack? Restore(IDeviceMapper mapper, MapIdentity volume, long allocatedBytes, long sizeBytes, long? reserveBytes)
    {
        var (layers, own) = (LayersOf(mapper, volume.Uuid), Require(mapper, volume.Uuid));
        if (layers.FirstOrDefault(map => TailLayers.IsGuest(map.Uuid)) is not { HasLive: true } guest || TailChain.Read(guest, own.Number, layers) is not { } chain)
        {
            return null;
        }
        var size = guest.Live.Count == 2 ? guest.Live.Sum(target => target.LengthSectors) * TailTable.SectorBytes : sizeBytes;
        var shaped = (guest.Live[0].LengthSectors * TailTable.SectorBytes, guest.Live.Count == 2 ? TailTable.DeviceOf(guest.Live[1]) : null);
        var stack = new TailStack(mapper, volume, own.Number, chain, shaped, allocatedBytes, size, reserveBytes);
        if (guest.HasInactive)
        {
            // Killed between load and resume: what waits to be made live has maps open that are to go.
            mapper.Load(guest.Uuid, guest.Live, readOnly: false);
        }
        if (!chain.IsDropped)
        {
            var hold = layers.First(map => map.Uuid == stack.HoldOf(chain.Links[^1]));
            if (hold.HasInactive)
            {
                mapper.Load(hold.Uuid, hold.Live, readOnly: false);
            }
            if (!hold.IsSuspended)
            {
                // Killed while it failed what was held.
                mapper.Suspend(hold.Uuid);
            }
        }
        var used = chain.Links.SelectMany(link => new[] { stack.GateOf(link), stack.HoldOf(link) }).Append(guest.Uuid).ToHashSet();
        RemoveEach(mapper, [.. layers.Select(map => map.Uuid).Where(uuid => !used.Contains(uuid))]);
        if (reserveBytes is null)
        {
            stack.Drop();
        }
        // Killed between the growth of the volume's own map and this one's, or it dropped what it held when it ended.
        stack.Grown(allocatedBytes);
        return stack;
    }

    /// <summary>The volume's own map has grown: what waits and fits goes on, the rest waits behind the new end.</summary>
    public void Grown(long allocatedBytes)
    {
        _allocatedBytes = allocatedBytes;
        // R15: the last extent is kept for the time when there is no answer; where the guest was let into it already, for as long as it has it.
        var end = allocatedBytes >= _sizeBytes ? _sizeBytes : Math.Max(_chain.EndBytes, allocatedBytes - ReserveBytes);
        if (end == _chain.EndBytes && (!_chain.IsDropped || end == _sizeBytes || _reserveBytes is null))
        {
            return;
        }
        var before = _chain;
        try
        {
            Hold(end);
            if (HeldGate(before) is not null)
            {
                LetPass(before, end, HeldGate(_chain));
            }
        }
        catch
        {
            // What waits is still where it was, and is looked for there. The fresh maps go with the volume, or the node's next life.
            _chain = before;
            throw;
        }
    }

    /// <summary>The new table is loaded. The caller resumes the guest's map, which waits for everything that is under way, and then calls <see cref="Reshaped"/>.</summary>
    public TailChain BeginReshape()
    {
        _mapper.Load(_guest.Uuid, GuestTable(_chain), readOnly: false);
        return _chain;
    }

    public void Resume() => _mapper.Resume(_guest.Uuid);

    /// <summary>All three at once.</summary>
    public void Reshape()
    {
        var to = BeginReshape();
        Resume();
        Reshaped(to);
    }

    /// <summary>Nothing leads through the former gates any more.</summary>
    public void Reshaped(TailChain to)
    {
        _shaped = (to.EndBytes, HeldGate(to));
        var gone = to.Links.Where(link => link.Gate != _shaped.Gate).ToList();
        _chain = _chain with { Links = [.. _chain.Links.Except(gone)] };
        RemoveEach(_mapper, [.. gone.SelectMany(link => new[] { GateOf(link), HoldOf(link) })]);
    }

    /// <summary>R15: what waits goes into the reserve; what is behind that fails, and so will every later write until there is space.</summary>
    public void Drop()
    {
        if (HeldGate(_chain) is not null)
        {
            var end = Math.Min(_allocatedBytes, _sizeBytes);
            LetPass(_chain, end, null);
            _chain = _chain with { EndBytes = end, IsDropped = true };
        }
    }

    /// <summary>Fails what waits, and holds again.</summary>
    public void Fail()
    {
        if (!_chain.IsDropped)
        {
            Fail(_mapper, HoldOf(_chain.Links[^1]), _sizeBytes - _chain.EndBytes);
            _mapper.Suspend(HoldOf(_chain.Links[^1]));
        }
    }

    /// <summary>Holds again what somebody else let go: a guard that took this node for dead, or a person with 'dmsetup resume'.</summary>
    /// <returns>Somebody did.</returns>
    public bool HoldAgain()
    {
        if (_chain.IsDropped || _mapper.Find(HoldOf(_chain.Links[^1])) is not { IsSuspended: false, Live: [{ Type: "error" }] } hold)
        {
            return false;
        }
        _mapper.Suspend(hold.Uuid);
        return true;
    }

    /// <returns>False: somebody has the guest's map open, and all stays.</returns>
    public static bool TryRemove(IDeviceMapper mapper, MapIdentity volume)
    {
        var guest = TailLayers.GuestOf(volume);
        if (mapper.Find(guest.Uuid) is not null)
        {
            if (!mapper.Remove(guest.Uuid))
            {
                return false;
            }
            mapper.RemoveNode(guest.Name);
        }
        RemoveEach(mapper, [.. mapper.List().Where(uuid => TailLayers.IsOf(volume.Uuid, uuid))]);
        return true;
    }

    /// <summary>R11: whoever has it open gets errors from now on, and what waits does, too.</summary>
    public static void CutOff(IDeviceMapper mapper, string volumeUuid)
    {
        FailAll(mapper, volumeUuid);
        foreach (var map in LayersOf(mapper, volumeUuid).OrderBy(map => !TailLayers.IsGuest(map.Uuid)))
        {
            MappedVolume.FailFromNowOn(mapper, map);
        }
    }

    /// <summary>R17: nobody stands behind it who could let what waits go on.</summary>
    public static void FailAll(IDeviceMapper mapper, string volumeUuid)
    {
        foreach (var hold in LayersOf(mapper, volumeUuid).Where(map => TailLayers.IsHold(map.Uuid) && map.Live is [{ Type: "error" }]))
        {
            Fail(mapper, hold.Uuid, hold.Live[0].LengthSectors * TailTable.SectorBytes);
        }
    }

    private static void Fail(IDeviceMapper mapper, string hold, long lengthBytes)
    {
        mapper.Load(hold, TailTable.Nothing(lengthBytes), readOnly: false);
        mapper.Resume(hold);
    }

    private void LetPass(TailChain held, long end, string? gate)
    {
        var hold = HoldOf(held.Links[^1]);
        // R17: what waits is its opener's, who cannot go while it does.
        var mayPass = end > held.EndBytes && (_mapper.Find(_guest.Uuid) is { OpenCount: > 0 } || _mapper.InFlight(held.Links[^1].Gate).IsNone);
        _mapper.Load(hold, mayPass ? TailTable.Passing(_number, held.EndBytes, end, gate, _sizeBytes) : TailTable.Nothing(_sizeBytes - held.EndBytes), readOnly: false);
        _mapper.Resume(hold);
    }

    /// <summary>A fresh hold at <paramref name="end"/>, where there is anything behind it.</summary>
    private void Hold(long end)
    {
        if (end >= _sizeBytes || _reserveBytes is null)
        {
            _chain = _chain with { EndBytes = end, IsDropped = true };
            return;
        }
        var length = _sizeBytes - end;
        var number = _chain.Links.Select(link => link.Number).DefaultIfEmpty(0).Max() + 1;
        while (_mapper.Find(TailLayers.HoldOf(_volume, number).Uuid) is not null || _mapper.Find(TailLayers.GateOf(_volume, number).Uuid) is not null)
        {
            // It could not be removed: somebody looked at it.
            number++;
        }
        var (gate, hold) = (TailLayers.GateOf(_volume, number), TailLayers.HoldOf(_volume, number));
        _mapper.Create(hold.Name, hold.Uuid);
        _mapper.Load(hold.Uuid, TailTable.Nothing(length), readOnly: false);
        _mapper.Resume(hold.Uuid);
        _mapper.Suspend(hold.Uuid);
        _mapper.Create(gate.Name, gate.Uuid);
        _mapper.Load(gate.Uuid, TailTable.Gate(Require(_mapper, hold.Uuid).Number, length), readOnly: false);
        _mapper.Resume(gate.Uuid);
        _chain = new TailChain(end, [.. _chain.Links, new TailLink(number, end, Require(_mapper, gate.Uuid).Number)], IsDropped: false);
    }

    private IReadOnlyList<MapTarget> GuestTable(TailChain chain) => TailTable.Guest(_number, chain.EndBytes, HeldGate(chain), _sizeBytes);

    private string GateOf(TailLink link) => TailLayers.GateOf(_volume, link.Number).Uuid;

    private string HoldOf(TailLink link) => TailLayers.HoldOf(_volume, link.Number).Uuid;

    private static string? HeldGate(TailChain chain) => chain.IsDropped ? null : chain.Links[^1].Gate;

    private static MapState Require(IDeviceMapper mapper, string uuid) => mapper.Find(uuid) ?? throw new IOException($"map {uuid} was removed by somebody else");

    private static List<MapState> LayersOf(IDeviceMapper mapper, string volumeUuid) =>
        [.. mapper.List().Where(uuid => TailLayers.IsOf(volumeUuid, uuid)).Select(mapper.Find).OfType<MapState>()];

    /// <summary>Each of them is open through another one's table, in an order that only the tables know.</summary>
    private static void RemoveEach(IDeviceMapper mapper, IReadOnlyList<string> uuids)
    {
        for (var left = uuids; left.Count > 0;)
        {
            var still = left.Where(uuid => !mapper.Remove(uuid)).ToList();
            if (still.Count == left.Count)
            {
                // Somebody looks at one of them ('dmsetup', a scan): found and removed by the next life, or with the volume.
                return;
            }
            left = still;
        }
    }
}
