using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>One host's way to the storage: latency, outage, and what happens to queued I/O when the host dies.</summary>
/// <remarks>
/// The queue is the kernel's: it outlives a killed process, and during an outage it holds everything and then lets it land at once.
/// Only a reset of the machine ends it.
/// </remarks>
internal sealed class SimPath(int host, SimDisk disk, SimScheduler scheduler, IChoice choice)
{
    private readonly List<SimIo> queued = [];
    private readonly List<SimIo> held = [];

    public SimDisk Disk => disk;

    public int Host => host;

    public bool IsDown { get; private set; }

    public bool IsQuiet => queued.Count + held.Count == 0;

    /// <summary>One I/O in so many takes up to two seconds; 0 means none does.</summary>
    public int StuckOneIn { get; set; }

    /// <summary>What is chosen here neither lands nor answers, ever.</summary>
    public Func<SimIo, bool>? NeverReturns { get; set; }

    public string? Violation { get; private set; }

    /// <summary>Every write when it is issued: world time, offset.</summary>
    public List<(TimeSpan At, long Offset)> WritesIssued { get; } = [];

    public ValueTask Issue(SimIo io)
    {
        io.IssuedTicks = scheduler.NowTicks;
        if (io.IsWrite)
        {
            WritesIssued.Add((scheduler.Now, io.Offset));
            if (queued.Concat(held).Any(other => other.IsWrite && other.Process == io.Process
                && other.Offset < io.Offset + io.Length && io.Offset < other.Offset + other.Length))
            {
                Violation ??= $"host {host} issued a write at {io.Offset} while an earlier one to the same sector was out: they may land in either order";
            }
        }

        queued.Add(io);
        if (NeverReturns?.Invoke(io) == true)
        {
            return new ValueTask(io.Answer.Task);
        }

        scheduler.After(Latency(), () => Perform(io));
        return new ValueTask(io.Answer.Task);
    }

    public void Cut() => IsDown = true;

    public void Heal()
    {
        IsDown = false;
        foreach (var io in held)
        {
            queued.Add(io);
            scheduler.After(TimeSpan.FromTicks(choice.Pick(1000, "landing after the outage")), () => Perform(io));
        }

        held.Clear();
    }

    /// <summary>The machine is reset: of each write that is out any sectors may have landed, the rest never will.</summary>
    public void Reset()
    {
        foreach (var io in queued)
        {
            if (io.IsWrite)
            {
                disk.Land(host, io.Offset, io.Data, _ => choice.Pick(2, "torn write") == 0);
            }
        }

        queued.Clear();
        held.Clear();
        IsDown = false;
    }

    private void Perform(SimIo io)
    {
        if (!queued.Remove(io))
        {
            return;
        }

        if (IsDown)
        {
            held.Add(io);
            return;
        }

        if (io.IsWrite)
        {
            disk.Land(host, io.Offset, io.Data);
        }
        else
        {
            disk.Read(io.Offset, io.Buffer.Span, io.IssuedTicks);
            disk.Performed?.Invoke(host, io.Offset);
        }

        // The answer takes its own time: another host may have read what landed before its writer knows.
        scheduler.After(Latency() / 4, () => io.Process.Deliver(() => io.Answer.TrySetResult()));
    }

    private TimeSpan Latency()
    {
        if (StuckOneIn > 0 && choice.Pick(StuckOneIn, "stuck I/O") == 0)
        {
            return TimeSpan.FromMilliseconds(choice.Pick(2000, "stuck for ms"));
        }

        var microseconds = 100;
        while (microseconds < 50_000 && choice.Pick(2, "latency") == 0)
        {
            microseconds *= 2;
        }

        return TimeSpan.FromMicroseconds(microseconds + choice.Pick(microseconds, "latency"));
    }
}
