using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Activation;

/// <summary>An active volume as a disk: straight from its extents, growing while it is written.</summary>
/// <remarks>
/// The disk is as large as the volume may become. Behind the allocated end reads give zeros, trims do nothing, and writes wait
/// until the volume has grown (at most <see cref="VolumeExportOptions.HoldLimit"/>). What newly allocated extents contain is
/// whatever was there before: an image format on top must not take unwritten space for zeros after it has grown.
/// </remarks>
public sealed class VolumeExport : INbdExport, ILiveVolume
{
    // R13: no single call to the device is longer than this, so that deactivation is not held up by one request.
    const long StepBytes = 32L << 20;

    readonly VolumeExportOptions options;
    readonly TimeProvider clock;
    readonly ExportMetrics? metrics;
    readonly ILogger logger;
    readonly HeldWrites held;
    readonly IssuedWrites issued = new();
    readonly Lock guard = new();
    volatile SegmentTable table;
    volatile bool closed;

    /// <param name="table">The live layout; it may be empty.</param>
    /// <exception cref="ArgumentException">Sizes are not whole sectors.</exception>
    public VolumeExport(
        VolumeExportOptions options, SegmentTable table, int sectorSize, IGrowthRequests growth, TimeProvider clock, ExportMetrics? metrics = null, ILogger? logger = null)
    {
        if (sectorSize is not (512 or 4096) || options.MaximumBytes <= 0 || options.MaximumBytes % sectorSize != 0)
        {
            throw new ArgumentException($"A disk of {options.MaximumBytes} bytes is not made of whole sectors of {sectorSize} bytes.", nameof(options));
        }

        if (table.Devices.Any(device => device.SectorSize != sectorSize))
        {
            throw new ArgumentException($"{table.Devices[0].Name} has no sectors of {sectorSize} bytes.", nameof(table));
        }

        this.options = options;
        this.table = table;
        this.clock = clock;
        this.metrics = metrics;
        this.logger = logger ?? NullLogger.Instance;
        SectorSize = sectorSize;
        held = new HeldWrites(growth, options, clock, metrics);
        held.Grown(table.AllocatedBytes);
    }

    public string Name => options.Name;

    public long SizeBytes => options.MaximumBytes;

    public int SectorSize { get; }

    public bool ReadOnly => options.ReadOnly;

    public SegmentTable Table => table;

    public long AllocatedBytes => table.AllocatedBytes;

    /// <summary>It is being deactivated, or was.</summary>
    public bool IsClosed => closed;

    /// <summary>Writes waiting for space now.</summary>
    public int HeldWrites => held.Count;

    /// <summary>Writes given to the device that have not returned.</summary>
    public int OutstandingWrites => issued.Count;

    bool ILiveVolume.OutlivesNode => false;

    long ILiveVolume.ReserveBytes => 0;

    Task<GrowOutcome> ILiveVolume.GrowAsync(SegmentTable next) => Task.FromResult(Grow(next));

    Task<DeactivateOutcome> ILiveVolume.CutOffAsync(TimeSpan limit) => DeactivateAsync(limit);

    /// <summary>R12: loads a larger table, unless it could send bytes elsewhere than the live one.</summary>
    public GrowOutcome Grow(SegmentTable next)
    {
        lock (guard)
        {
            var live = table;
            if (closed)
            {
                return Refuse(GrowRefusal.Deactivated, "it is being deactivated");
            }

            if (next.RefusalAfter(live) is var (reason, why))
            {
                return Refuse(reason, why);
            }

            if (next.Devices.Any(device => device.SectorSize != SectorSize))
            {
                return Refuse(GrowRefusal.SectorSize, $"a device has no sectors of {SectorSize} bytes");
            }

            table = next;
            held.Grown(next.AllocatedBytes);
            return new GrowOutcome.Grown(next.AllocatedBytes);
        }
    }

    public async ValueTask<NbdError> ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken gone)
    {
        metrics?.Requested("read", buffer.Length);
        if (Refusal(offsetBytes, buffer.Length, NbdError.Invalid) is { } refused)
        {
            return Answer(refused);
        }

        var live = table;
        var inside = (int)Math.Clamp(live.AllocatedBytes - offsetBytes, 0, buffer.Length);
        try
        {
            var done = 0;
            foreach (var piece in live.Locate(Math.Min(offsetBytes, live.AllocatedBytes), inside))
            {
                gone.ThrowIfCancellationRequested();
                await piece.Device.ReadAsync(piece.DeviceOffsetBytes, buffer.Slice(done, (int)piece.LengthBytes));
                done += (int)piece.LengthBytes;
            }
        }
        catch (IOException problem)
        {
            return Failed(problem);
        }

        // R31: reads never wait for space.
        buffer.Span[inside..].Clear();
        return NbdError.None;
    }

    public async ValueTask<NbdError> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, bool fua, CancellationToken gone)
    {
        metrics?.Requested("write", data.Length);
        if (RefusalOfChange(offsetBytes, data.Length, NbdError.NoSpace) is { } refused)
        {
            return Answer(refused);
        }

        if (offsetBytes + data.Length > table.AllocatedBytes && await held.WaitAsync(offsetBytes + data.Length, gone) is var error and not NbdError.None)
        {
            return Answer(error);
        }

        var done = 0;
        return await ChangeAsync(offsetBytes, data.Length, gone, piece =>
        {
            var bytes = data.Slice(done, (int)piece.LengthBytes);
            done += bytes.Length;
            return fua ? piece.Device.WriteDurableAsync(piece.DeviceOffsetBytes, bytes) : piece.Device.WriteAsync(piece.DeviceOffsetBytes, bytes);
        });
    }

    public async ValueTask<NbdError> WriteZeroesAsync(long offsetBytes, long lengthBytes, NbdCommandFlags flags, CancellationToken gone)
    {
        metrics?.Requested("zero", lengthBytes);
        if (RefusalOfChange(offsetBytes, lengthBytes, NbdError.NoSpace) is { } refused)
        {
            return Answer(refused);
        }

        var end = offsetBytes + lengthBytes;
        if (flags.HasFlag(NbdCommandFlags.FastZero)
            && (end > table.AllocatedBytes || table.Locate(offsetBytes, lengthBytes).Any(piece => !piece.Device.ZeroIsFast)))
        {
            // Not an error of the guest's: the client tries without the flag, or writes what it has to write anyway.
            return NbdError.NotSupported;
        }

        if (end > table.AllocatedBytes && await held.WaitAsync(end, gone) is var error and not NbdError.None)
        {
            return Answer(error);
        }

        var mayPunch = !flags.HasFlag(NbdCommandFlags.NoHole);
        var done = await ChangeAsync(offsetBytes, lengthBytes, gone, piece => piece.Device.ZeroAsync(piece.DeviceOffsetBytes, piece.LengthBytes, mayPunch));
        return done == NbdError.None && flags.HasFlag(NbdCommandFlags.ForceUnitAccess) ? await FlushAsync(gone) : done;
    }

    public async ValueTask<NbdError> TrimAsync(long offsetBytes, long lengthBytes, bool fua, CancellationToken gone)
    {
        metrics?.Requested("trim", lengthBytes);
        if (RefusalOfChange(offsetBytes, lengthBytes, NbdError.Invalid) is { } refused)
        {
            return Answer(refused);
        }

        var inside = Math.Clamp(table.AllocatedBytes - offsetBytes, 0, lengthBytes);
        if (!options.PassTrims || inside == 0)
        {
            return NbdError.None;
        }

        var done = await ChangeAsync(offsetBytes, inside, gone, piece => piece.Device.DiscardAsync(piece.DeviceOffsetBytes, piece.LengthBytes));
        return done == NbdError.None && fua ? await FlushAsync(gone) : done;
    }

    public async ValueTask<NbdError> FlushAsync(CancellationToken gone)
    {
        metrics?.Requested("flush", 0);
        try
        {
            // C7: what is held has not been answered, so it is none of this flush's business.
            foreach (var device in table.Devices)
            {
                await device.FlushAsync();
            }

            return NbdError.None;
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException)
        {
            return Failed(problem);
        }
    }

    public IReadOnlyList<NbdExtent> BlockStatus(long offsetBytes, long lengthBytes, int extentsMax)
    {
        metrics?.Requested("status", 0);
        var inside = Math.Clamp(table.AllocatedBytes - offsetBytes, 0, lengthBytes);
        var extents = new List<NbdExtent>(2);
        if (inside > 0)
        {
            extents.Add(new((uint)inside, NbdAllocation.Allocated));
        }

        if (inside < lengthBytes && extents.Count < extentsMax)
        {
            extents.Add(new((uint)(lengthBytes - inside), NbdAllocation.Hole | NbdAllocation.Zero));
        }

        return extents;
    }

    /// <summary>Ends every held write (none of them was issued), begins nothing new, and waits for the device.</summary>
    /// <param name="limit">How long to wait; the outcome says honestly whether that was enough.</param>
    public async Task<DeactivateOutcome> DeactivateAsync(TimeSpan limit)
    {
        lock (guard)
        {
            closed = true;
        }

        held.Close();
        var returned = issued.Close();
        try
        {
            await returned.WaitAsync(limit, clock);
            return new DeactivateOutcome.Returned();
        }
        catch (TimeoutException)
        {
            return new DeactivateOutcome.StillWriting(issued.Count, returned);
        }
    }

    async ValueTask<NbdError> ChangeAsync(long offsetBytes, long lengthBytes, CancellationToken gone, Func<VolumeSegment, ValueTask> change)
    {
        if (!issued.TryBegin())
        {
            return Answer(NbdError.ShuttingDown);
        }

        try
        {
            var live = table;
            foreach (var piece in live.Locate(offsetBytes, lengthBytes).SelectMany(Steps))
            {
                // The client sends it again after reconnecting: an old copy that lands later would undo what came after.
                gone.ThrowIfCancellationRequested();
                if (!live.Contains(piece))
                {
                    throw new InvalidOperationException($"Volume {Name}: bytes for {piece.DeviceOffsetBytes} of {piece.Device.Name} are outside the volume. Nothing was written there.");
                }

                // Asked here, not when the request came: it may have waited for space, or for the step before, beyond the deadline.
                if (options.Issue is not { } issue)
                {
                    await change(piece);
                }
                else if (issue(() => change(piece)) is { } issuing)
                {
                    await issuing;
                }
                else
                {
                    return Answer(NbdError.ShuttingDown);
                }
            }

            return NbdError.None;
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException)
        {
            return Failed(problem);
        }
        finally
        {
            issued.End();
        }
    }

    static IEnumerable<VolumeSegment> Steps(VolumeSegment piece)
    {
        for (long done = 0; done < piece.LengthBytes; done += StepBytes)
        {
            yield return piece with { DeviceOffsetBytes = piece.DeviceOffsetBytes + done, LengthBytes = Math.Min(StepBytes, piece.LengthBytes - done) };
        }
    }

    NbdError? RefusalOfChange(long offsetBytes, long lengthBytes, NbdError pastTheEnd) =>
        ReadOnly ? NbdError.NotPermitted : Refusal(offsetBytes, lengthBytes, pastTheEnd);

    NbdError? Refusal(long offsetBytes, long lengthBytes, NbdError pastTheEnd)
    {
        if (closed)
        {
            return NbdError.ShuttingDown;
        }

        if (offsetBytes < 0 || lengthBytes <= 0 || offsetBytes % SectorSize != 0 || lengthBytes % SectorSize != 0)
        {
            return NbdError.Invalid;
        }

        return offsetBytes > SizeBytes - lengthBytes ? pastTheEnd : null;
    }

    GrowOutcome.Refused Refuse(GrowRefusal reason, string why)
    {
        var message = $"The new layout of volume {Name} is not loaded: {why}. The live one stays; ask the SPM for the current segments.";
        logger.LogWarning("{Message}", message);
        return new(reason, message);
    }

    NbdError Answer(NbdError error)
    {
        metrics?.Failed(error.ToString());
        return error;
    }

    NbdError Failed(Exception problem)
    {
        logger.LogError(problem, "Volume {Volume}: {Message}", Name, problem.Message);
        return Answer(NbdError.Io);
    }
}
