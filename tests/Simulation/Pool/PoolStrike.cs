using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Carries one fault out.</summary>
internal static class PoolStrike
{
    public static void At(PoolWorld world, PoolHost host, PoolFault fault, TimeSpan length)
    {
        world.Trace(host.Id, FormattableString.Invariant($"{fault}, {length.TotalSeconds:0.#} s"));
        switch (fault)
        {
            case PoolFault.Freeze:
                world.Stats.Freezes++;
                host.Freeze();
                world.Scheduler.After(length, host.Thaw);
                break;
            case PoolFault.Kill:
                switch (world.Choice.Pick(3, "its writes stay queued"))
                {
                    case 0:
                        // Started again while the kernel still has what the last life wrote (R7), and nothing else gets through either.
                        host.Path.Cut();
                        world.Scheduler.After(length, () => host.Path.Heal());
                        length /= 4;
                        break;
                    case 1:
                        // As its supervisor does: at once.
                        length = TimeSpan.FromMilliseconds(100 + world.Choice.Pick(3000, "restarted"));
                        break;
                }

                host.Kill();
                host.RestartAfter(length);
                break;
            case PoolFault.Reset:
                host.Reset();
                host.RestartAfter(length + TimeSpan.FromSeconds(2));
                break;
            case PoolFault.Stop:
                host.Stop();
                break;
            case PoolFault.Cut or PoolFault.CutAndDrop:
                world.Stats.Outages++;
                host.Path.Cut();
                world.Scheduler.After(length, () => host.Path.Heal(drop: fault == PoolFault.CutAndDrop));
                break;
            case PoolFault.Suspend:
                host.Suspend();
                world.Scheduler.After(length, host.Resume);
                break;
            case PoolFault.Rot:
                world.Disk.Rot(Victim(world, host));
                // Somebody looks at what is refused and repairs it; until then nothing may be guessed.
                world.Scheduler.After(length, world.Disk.HealRot);
                break;
            case PoolFault.Contest:
                Contest(world, host);
                break;
            case PoolFault.OneWay:
                var pair = (host.Id, 1 + world.Choice.Pick(world.Hosts.Length, "to whom"));
                world.Network.Cuts.Add(pair);
                world.Scheduler.After(length, () => world.Network.Cuts.Remove(pair));
                break;
            case PoolFault.Clog:
                world.Network.Clog();
                world.Scheduler.After(length, world.Network.Unclog);
                break;
            case PoolFault.Foreign:
                ForeignWriter.WriteWhenQuiet(world);
                break;
        }
    }

    private static void Contest(PoolWorld world, PoolHost host)
    {
        var before = world.RotVotesOneIn;
        var longest = (int)world.Timing.RenewalInterval.TotalMilliseconds;
        world.RotVotesOneIn = 1 + world.Choice.Pick(4, "votes rot");
        world.Scheduler.After(world.Timing.FailoverBound, () => world.RotVotesOneIn = before);
        foreach (var other in world.Hosts)
        {
            other.Aim = new PoolAim(AimedAt.Ballot, world.Choice.Pick(3, "which of them"), io =>
                io.Held = TimeSpan.FromMilliseconds(1 + world.Choice.Pick(longest >> world.Choice.Pick(10, "held for"), "held for")));
        }

        if (world.Choice.Pick(2, "in order") == 0)
        {
            host.Stop();
        }
        else
        {
            host.Kill();
            host.RestartAfter(world.Timing.FailoverBound);
        }
    }

    /// <summary>A sector whose damage somebody must notice. Never both copies of the same thing.</summary>
    private static long Victim(PoolWorld world, PoolHost host)
    {
        var (domain, places) = (world.Domain, world.Places);
        return world.Choice.Pick(5, "what rots") switch
        {
            0 => places.Ids + domain.Geometry.HostIdOffset(host.Id),
            1 => places.SpmLease + domain.Geometry.VoteOffset(host.Id),
            2 => places.Spm + domain.Layout.HostRecordOffsetBytes(host.Id, world.Choice.Pick(2, "copy")),
            3 => places.Spm + domain.Layout.MapOffsetBytes(host.Id, 0),
            _ => places.Spm + SpmLayout.SuperblockOffsetBytes,
        };
    }
}
