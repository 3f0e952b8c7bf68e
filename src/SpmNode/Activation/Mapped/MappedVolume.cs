namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>A volume that the kernel maps: guests read and write it without this process, and go on when that ends.</summary>
/// <remarks>
/// Only one table is ever below an opener, or that table with more behind it (R12). Loading and resuming are two calls; a crash between
/// them leaves a table that waits, which the next load replaces.
/// </remarks>
sealed class MappedVolume(IDeviceMapper mapper, MapIdentity identity, string path, SegmentTable table, long maximumBytes, bool readOnly, TimeProvider clock)
    : IMappedVolume
{
    readonly SemaphoreSlim changing = new(1);
    volatile SegmentTable table = table;
    volatile bool closed;

    public MapIdentity Identity => identity;

    /// <summary>Of the device.</summary>
    public string SocketPath => path;

    public SegmentTable Table => table;

    public long AllocatedBytes => table.AllocatedBytes;

    public long SizeBytes => maximumBytes;

    public bool IsClosed => closed;

    /// <summary>A write behind the end fails at once; the guest is to be extended before it comes there.</summary>
    public int HeldWrites => 0;

    public long ReserveBytes => 0;

    public bool OutlivesNode => true;

    public async Task<GrowOutcome> GrowAsync(SegmentTable next)
    {
        await changing.WaitAsync();
        try
        {
            if (closed)
            {
                return Refused(GrowRefusal.Deactivated, "it is being deactivated");
            }
            if (next.RefusalAfter(table) is var (reason, why))
            {
                return Refused(reason, why);
            }
            return await Task.Run(() => Load(next));
        }
        finally
        {
            changing.Release();
        }
    }

    public async Task<DeactivateOutcome> DeactivateAsync(TimeSpan limit)
    {
        await changing.WaitAsync();
        try
        {
            // The kernel removes a map only when nobody has it open, and then every write through it has returned (R8).
            if (!await Task.Run(() => mapper.Remove(identity.Uuid)))
            {
                return new DeactivateOutcome.Open();
            }
            closed = true;
            mapper.RemoveNodes(identity.Name, identity.Group, identity.Volume);
            return new DeactivateOutcome.Returned();
        }
        finally
        {
            changing.Release();
        }
    }

    public async Task<DeactivateOutcome> CutOffAsync(TimeSpan limit)
    {
        closed = true;
        var cut = Task.Run(async () =>
        {
            // A growth between the two steps would have its own table made live by the second one.
            await changing.WaitAsync();
            try
            {
                CutOff(mapper, identity.Uuid);
            }
            finally
            {
                changing.Release();
            }
        });
        try
        {
            await cut.WaitAsync(limit, clock);
            return new DeactivateOutcome.Returned();
        }
        catch (Exception late) when (late is TimeoutException or IOException)
        {
            // Asked again: until it succeeds, whoever has it open may still write.
            return new DeactivateOutcome.StillWriting(1, cut);
        }
    }

    /// <summary>R11: its extents may be another volume's by now. Returns when every write below the old table has.</summary>
    public static void CutOff(IDeviceMapper mapper, string uuid)
    {
        if (mapper.Find(uuid) is { } map)
        {
            FailFromNowOn(mapper, map);
        }
    }

    public static void FailFromNowOn(IDeviceMapper mapper, MapState map)
    {
        mapper.Load(map.Uuid, MapTable.Error(map.Live), map.ReadOnly);
        mapper.Resume(map.Uuid);
        mapper.RemoveWhenClosed(map.Uuid);
    }

    /// <summary>The kernel keeps its map; only <see cref="DeactivateAsync"/> takes it away.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    GrowOutcome Load(SegmentTable next)
    {
        var wanted = MapTable.Of(next);
        // What is live is asked of the kernel: lvchange and dmsetup may have been here.
        if (mapper.Find(identity.Uuid) is not { HasLive: true } present)
        {
            return Refused(GrowRefusal.Deactivated, "the kernel does not map it any more");
        }
        switch (MapPlan.For(present, identity.Name, wanted, readOnly))
        {
            case MapPlan.Refuse refuse:
                return Refused(GrowRefusal.NotAPrefix, refuse.Why);
            case MapPlan.Mend:
                mapper.Load(identity.Uuid, wanted, readOnly);
                mapper.Resume(identity.Uuid);
                break;
        }
        table = next;
        return new GrowOutcome.Grown(next.AllocatedBytes);
    }

    GrowOutcome.Refused Refused(GrowRefusal reason, string why) =>
        new(reason, $"The new layout of volume {identity.Volume} is not loaded: {why}. The live one stays; ask the SPM for the current segments.");
}
