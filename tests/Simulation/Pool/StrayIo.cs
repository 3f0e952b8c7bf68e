using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Storage that says "done" and has not done it, or elsewhere; and paths that answer with what was there before.</summary>
/// <remarks>
/// Only where somebody can tell: a ballot reads its own vote again and knows whose sector a number belongs to, and a term reads the lease
/// again before each header. Old answers are given of the whole lockspace: one sector of it is read again before its host is taken for dead.
/// What is promised nowhere, as in sanlock: that a host whose renewal was answered and lost, and whose paths then fail, learns of it before
/// others take it for dead; that an activation knows of an entry that never arrived in the map; that the last look at an owner or at
/// a vote is not an old one.
/// </remarks>
internal sealed class StrayIo(PoolWorld world)
{
    private readonly Dictionary<long, byte[]> former = [];

    /// <summary>One such I/O in so many; 0 means none.</summary>
    public int OneIn { get; set; }

    public int Count { get; private set; }

    /// <returns>Where a write that was answered lands; null: nowhere.</returns>
    public long? PlaceOf(int host, SimIo io)
    {
        if (OneIn == 0)
        {
            return io.Offset;
        }

        if (world.Places.IsHostId(io.Offset))
        {
            var bytes = new byte[io.Length];
            world.Disk.Bytes.Read(io.Offset, bytes);
            former[io.Offset] = bytes;
        }

        if (Neighbour(io.Offset) is not { } neighbour || !Happens("write strays"))
        {
            return io.Offset;
        }

        if (neighbour == io.Offset || Pick(2, "lost") == 0)
        {
            world.Trace(host, $"a write at {io.Offset} is lost");
            return null;
        }

        world.Trace(host, $"a write at {io.Offset} lands at {neighbour}");
        // Somebody looks at what is refused and repairs it; until then nothing may be guessed.
        world.Disk.Spoil(neighbour, io.Data.Span);
        world.Scheduler.After(TimeSpan.FromMilliseconds(1 + Pick(2000 * world.Options.IoTimeoutSeconds, "until it is repaired")), world.Disk.HealRot);
        return null;
    }

    /// <summary>Sectors of a finished read as they were before they were last written.</summary>
    public void MakeOld(int host, SimIo io)
    {
        if (OneIn == 0 || io.Length <= world.Disk.SectorSize || !world.Places.IsHostId(io.Offset) || !Happens("an old path answers"))
        {
            return;
        }

        world.Trace(host, "the lockspace as it was");
        foreach (var (offset, bytes) in former)
        {
            if (offset >= io.Offset && offset + bytes.Length <= io.Offset + io.Length)
            {
                bytes.CopyTo(io.Buffer.Span[(int)(offset - io.Offset)..]);
            }
        }
    }

    /// <returns>Another host's vote; the lease's own record has only its one place; null for what never strays.</returns>
    private long? Neighbour(long offset) =>
        offset == world.Places.SpmLease ? offset
        : world.Places.IsVote(offset) ? world.Places.SpmLease + world.Domain.Geometry.VoteOffset(1 + Pick(world.Hosts.Length, "over whose"))
        : null;

    private bool Happens(string what)
    {
        var happens = Pick(OneIn, what) == 0;
        Count += happens ? 1 : 0;
        return happens;
    }

    private int Pick(int count, string what) => world.Choice.Pick(count, what);
}
