using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>One host's way to the storage: latency, outage, and what happens to queued I/O when the host dies.</summary>
/// <remarks>
/// The queue is the kernel's: it outlives a killed process, and during an outage it holds everything and then lets it land at once,
/// or gives up and answers with an error. Only a reset of the machine ends it.
/// </remarks>
internal sealed class SimPath(int host, SimDisk disk, SimScheduler scheduler, IChoice choice)
{
    private readonly List<SimIo> queued = [];
    private readonly List<SimIo> held = [];
    private readonly List<SimIo> answering = [];
    private readonly Dictionary<long, SimProcess> locks = [];
    private bool isSuspended;

    public SimDisk Disk => disk;

    public int Host => host;

    public bool IsDown { get; private set; }

    public bool IsQuiet => queued.Count + held.Count == 0;

    /// <summary>One I/O in so many takes up to <see cref="StuckMilliseconds"/>; 0 means none does.</summary>
    public int StuckOneIn { get; set; }

    public int StuckMilliseconds { get; set; } = 2000;

    /// <summary>One I/O in so many comes back with an error, done or not; 0 means none does.</summary>
    public int ErrorOneIn { get; set; }

    /// <summary>One finished write in so many lands a second time, up to a minute later; 0 means none does.</summary>
    public int TwiceOneIn { get; set; }

    /// <summary>Which writes the storage may repeat; null means none.</summary>
    public Func<long, bool>? MayRepeat { get; set; }

    /// <summary>Where a write that is answered lands; null: nowhere. Unset: at its place.</summary>
    public Func<SimIo, long?>? Strays { get; set; }

    /// <summary>Told about every read that is about to be answered, to spoil what it read.</summary>
    public Action<SimIo>? Reading { get; set; }

    /// <summary>What is chosen here neither lands nor answers, ever.</summary>
    public Func<SimIo, bool>? NeverReturns { get; set; }

    public string? Violation { get; private set; }

    /// <summary>Told about every write when it is issued, before anything of it may land.</summary>
    public Action<SimIo>? Issuing { get; set; }

    /// <summary>Every write when it is issued: world time, offset.</summary>
    public List<(TimeSpan At, long Offset)> WritesIssued { get; } = [];

    /// <summary>I/Os and bytes asked for so far.</summary>
    public (long Reads, long ReadBytes, long Writes, long WrittenBytes) Traffic { get; private set; }

    public IEnumerable<SimIo> Out => queued.Concat(held);

    /// <summary>What a living program still waits for, done or not.</summary>
    public IEnumerable<SimIo> Awaited => Out.Concat(answering).Where(io => !io.Process.IsDead);

    public IEnumerable<SimIo> WritesOut => Out.Where(io => io.IsWrite);

    /// <summary>The kernel's lock of a range: kept until the last I/O of a dead holder has returned.</summary>
    public bool TryLock(SimProcess process, long offset)
    {
        if (locks.TryGetValue(offset, out var holder) && holder != process && (!holder.IsDead || Out.Any(io => io.Process == holder)))
        {
            return false;
        }

        locks[offset] = process;
        return true;
    }

    public ValueTask Issue(SimIo io)
    {
        io.IssuedTicks = scheduler.NowTicks;
        var t = Traffic;
        if (io.IsWrite)
        {
            Traffic = t with { Writes = t.Writes + 1, WrittenBytes = t.WrittenBytes + io.Length };
            WritesIssued.Add((scheduler.Now, io.Offset));
            CheckIssue(io);
            Issuing?.Invoke(io);
        }
        else
        {
            Traffic = t with { Reads = t.Reads + 1, ReadBytes = t.ReadBytes + io.Length };
            disk.CountRead(1);
        }

        io.Fails = ErrorOneIn > 0 && choice.Pick(ErrorOneIn, "I/O error") == 0;
        queued.Add(io);
        if (NeverReturns?.Invoke(io) == true)
        {
            return new ValueTask(io.Answer.Task);
        }

        scheduler.After(io.Held > TimeSpan.Zero ? io.Held : Latency(), () => Perform(io));
        return new ValueTask(io.Answer.Task);
    }

    public void Cut() => IsDown = true;

    /// <param name="drop">What waited is answered with an error and never lands.</param>
    public void Heal(bool drop = false)
    {
        IsDown = false;
        isSuspended = false;
        foreach (var io in held)
        {
            if (drop)
            {
                Finish(io);
                Fail(io, "the paths were given up");
                continue;
            }

            queued.Add(io);
            scheduler.After(TimeSpan.FromTicks(choice.Pick(1000, "landing after the outage")), () => Perform(io));
        }

        held.Clear();
    }

    /// <summary>The machine sleeps: its adapters do, too.</summary>
    public void Suspend() => isSuspended = true;

    /// <summary>The machine is reset: of each write that is out any sectors may have landed, the rest never will.</summary>
    /// <returns>Whether a write was torn.</returns>
    public bool Reset()
    {
        var torn = false;
        foreach (var io in queued)
        {
            torn |= io.IsWrite && !IsDown && !isSuspended && disk.LandTorn(host, io.Offset, io.Data);
        }

        queued.Concat(held).ToList().ForEach(Finish);
        queued.Clear();
        held.Clear();
        answering.Clear();
        (IsDown, isSuspended) = (false, false);
        return torn;
    }

    private void CheckIssue(SimIo io)
    {
        foreach (var other in WritesOut)
        {
            if (other.Process != io.Process)
            {
                Violation ??= $"C4, R7: host {host} issued a write at {io.Offset} while one of its former process at {other.Offset} has not returned";
            }
            else if (other.Overlaps(io.Offset, io.Length))
            {
                Violation ??= $"host {host} issued a write at {io.Offset} while an earlier one to the same sector was out: they may land in either order";
            }
        }
    }

    private void Perform(SimIo io)
    {
        if (!queued.Remove(io))
        {
            return;
        }

        if (IsDown || isSuspended)
        {
            held.Add(io);
            return;
        }

        Finish(io);
        if (io.Fails)
        {
            if (io.IsWrite && choice.Pick(2, "failed, and yet written") == 0)
            {
                disk.Land(host, io.Offset, io.Data);
            }

            Fail(io, "simulated I/O error");
            return;
        }

        if (!io.IsWrite)
        {
            // Performed at some moment since it was issued, which the disk draws; answered now.
            disk.Read(io.Offset, io.Buffer.Span, io.IssuedTicks);
            Reading?.Invoke(io);
            disk.Performed?.Invoke(host, io.Offset);
            io.Process.Deliver(SimIo.Answered, io, 0);
            return;
        }

        if ((Strays is null ? io.Offset : Strays(io)) is { } place)
        {
            disk.Land(host, place, io.Data);
        }

        if (TwiceOneIn > 0 && MayRepeat?.Invoke(io.Offset) == true && choice.Pick(TwiceOneIn, "lands twice") == 0)
        {
            scheduler.After(TimeSpan.FromMilliseconds(choice.Pick(60_000, "lands again")), () => disk.Land(host, io.Offset, io.Data));
        }
        else
        {
            io.Forget();
        }

        // The answer takes its own time: another host may have read what landed before its writer knows.
        answering.Add(io);
        scheduler.At(scheduler.NowTicks + (Latency().Ticks / 4), io.Process, () =>
        {
            answering.Remove(io);
            io.Answer.TrySetResult();
        });
    }

    private void Finish(SimIo io)
    {
        if (!io.IsWrite)
        {
            disk.CountRead(-1);
        }
    }

    private void Fail(SimIo io, string why) => scheduler.At(
        scheduler.NowTicks + Latency().Ticks, io.Process, () => io.Answer.TrySetException(new IOException($"lun: {io.Length} bytes at {io.Offset}: {why}")));

    private TimeSpan Latency()
    {
        if (StuckOneIn > 0 && choice.Pick(StuckOneIn, "stuck I/O") == 0)
        {
            return TimeSpan.FromMilliseconds(choice.Pick(StuckMilliseconds, "stuck for ms"));
        }

        var microseconds = 100;
        while (microseconds < 50_000 && choice.Pick(2, "latency") == 0)
        {
            microseconds *= 2;
        }

        return TimeSpan.FromMicroseconds(microseconds + choice.Pick(microseconds, "latency"));
    }
}
