namespace OvirtSpm.Interop.Nodes.Faults;

enum FaultKind
{
    /// <summary>kill -9, started again after a while.</summary>
    Kill,

    /// <summary>SIGSTOP, SIGCONT after a while.</summary>
    Freeze,

    /// <summary>SIGTERM, started again after a while.</summary>
    Terminate,

    /// <summary>SIGSTOP and SIGCONT many times, a fraction of a second each.</summary>
    Stutter,

    /// <summary>Its writes are held back in the kernel, and let go a while after somebody else has become SPM: they land late.</summary>
    HoldWrites,
}

/// <param name="At">From the start of the run.</param>
/// <param name="Leader">Whoever leads at that moment; otherwise the node at <paramref name="Index"/>.</param>
/// <param name="For">How long it is down or stands still.</param>
sealed record Fault(TimeSpan At, FaultKind Kind, bool Leader, int Index, TimeSpan For);

/// <summary>What goes wrong and when: one seed, one plan. What comes of it depends on the machine.</summary>
static class FaultPlan
{
    /// <param name="canHold">This machine can hold writes back.</param>
    public static IReadOnlyList<Fault> Make(int seed, int nodes, TimeSpan duration, bool canHold)
    {
        var random = new Random(seed);
        // The first ones hit the SPM for certain: whatever the machine makes of the rest, the role moves, and writes land late.
        var plan = new List<Fault> { new(TimeSpan.FromSeconds(1), FaultKind.Kill, true, 0, TimeSpan.FromSeconds(3)) };
        if (canHold)
        {
            // Each keeps a node away for up to 25 s, and the pool needs time between the faults in which something is acknowledged.
            for (var at = TimeSpan.FromSeconds(3); at < duration; at += TimeSpan.FromSeconds(60))
            {
                plan.Add(new(at, FaultKind.HoldWrites, true, 0, TimeSpan.FromMilliseconds(random.Next(100, 3000))));
            }
        }
        for (var at = TimeSpan.FromSeconds(4); at < duration; at += TimeSpan.FromMilliseconds(random.Next(800, 6000)))
        {
            plan.Add(One(at));
            if (random.Next(4) == 0)
            {
                // A second one in the middle of the first: the next SPM is hit while it takes over.
                plan.Add(One(at + TimeSpan.FromMilliseconds(random.Next(0, 1500))));
            }
        }
        return [.. plan.OrderBy(fault => fault.At)];

        Fault One(TimeSpan at)
        {
            var kind = (FaultKind)random.Next(4);
            // Stopped for up to 14 s: past the deadline (8 s) and past the takeover (12.5 s), and short of both.
            var longest = kind == FaultKind.Freeze ? 14_000 : 4_000;
            return new Fault(at, kind, random.Next(10) < 7, random.Next(nodes), TimeSpan.FromMilliseconds(random.Next(50, longest)));
        }
    }
}
