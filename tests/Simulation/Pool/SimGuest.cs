using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Simulation.Pool;

/// <summary>One virtual machine's disk on one host: writes on and on, reads back, waits while nobody serves it.</summary>
/// <remarks>It lives as long as the machine, not as long as the node: after a restart it repeats what was not answered (as QEMU does).</remarks>
internal sealed class SimGuest(PoolWorld world, PoolHost host, string volume)
{
    private const long BlockBytes = 48L << 20;
    private VolumeExport? export;
    private SimProcess? life;
    private long next;
    private (long Offset, ulong Version)? open;
    private int attempts;
    private bool stopped;
    private bool busy;

    public string Volume => volume;

    public PoolHost Host => host;

    /// <summary>A live process serves it; its writes go to the device.</summary>
    public bool IsServed => export is { IsClosed: false } && life is { IsDead: false };

    /// <summary>Writes that were answered.</summary>
    public int Written { get; private set; }

    /// <summary>Its last request was refused for want of space.</summary>
    public bool IsFull { get; private set; }

    public void Attach(VolumeExport to, SimProcess by)
    {
        (export, life, busy) = (to, by, false);
        foreach (var other in world.Hosts.Where(other => other != host).SelectMany(other => other.Guests))
        {
            if (other.Volume == volume && other.IsServed)
            {
                world.Fail($"R10: {volume} is served for writing on host {other.Host.Id} and now on host {host.Id}, too");
            }
        }

        Later(1000);
    }

    public void Detach(SimProcess by)
    {
        if (by == life)
        {
            export = null;
        }
    }

    /// <summary>The person who runs it shuts it down, as before a deactivation.</summary>
    public void Stop() => stopped = true;

    private void Later(int milliseconds) => world.Scheduler.After(TimeSpan.FromMilliseconds(1 + world.Choice.Pick(milliseconds, "guest's next request")), () =>
    {
        if (!stopped && IsServed && !busy)
        {
            busy = true;
            var (to, by) = (export!, life!);
            by.Post(() => Go(to, by));
        }
    });

    private async void Go(VolumeExport to, SimProcess by)
    {
        var error = NbdError.None;
        if (open is null && world.Choice.Pick(4, "read or write") == 0)
        {
            await ReadBackAsync(to);
        }
        else
        {
            error = await WriteAsync(to);
        }

        if (by != life || to != export)
        {
            return;
        }

        (busy, IsFull) = (false, error == NbdError.NoSpace);
        Later(error == NbdError.None ? world.GuestPauseMilliseconds : 5000);
    }

    private async Task<NbdError> WriteAsync(VolumeExport to)
    {
        var blocks = world.Book.Of(volume).Blocks;
        if (open is not { } write)
        {
            next = (next + 1) % Math.Max(1, to.SizeBytes / BlockBytes);
            var number = world.Choice.Pick(3, "new or old block") == 0 ? world.Choice.Pick((int)next + 1, "old block") : next;
            open = write = (number * BlockBytes, world.NextVersion());
        }

        if (!blocks.TryGetValue(write.Offset, out var block))
        {
            blocks.Add(write.Offset, block = new VolumeBook.Block());
        }

        block.Open.Add(write.Version);
        attempts++;
        var isInside = write.Offset + to.SectorSize <= to.AllocatedBytes;
        var writing = to.WriteAsync(write.Offset, Stamp.Format(volume, write.Offset, write.Version, to.SectorSize), false, CancellationToken.None);
        if (to.HeldWrites > 0)
        {
            CheckHeld(to, isInside);
        }

        var error = await writing;
        if (error == NbdError.None && to == export && open?.Version == write.Version)
        {
            block.Finished(write.Version);
            open = null;
            Written++;
        }

        return error;
    }

    /// <summary>C7: only what is written behind the end waits for it to move, and not for ever.</summary>
    private void CheckHeld(VolumeExport to, bool isInside)
    {
        if (isInside)
        {
            world.Fail($"C7: a write to what {volume} has already waits for space on host {host.Id}");
        }

        var (by, attempt, since) = (life!, attempts, world.Scheduler.NowTicks);
        world.Scheduler.After(PoolHost.HoldLimit + TimeSpan.FromSeconds(1), () =>
        {
            if (to.HeldWrites > 0 && attempt == attempts && to == export && !by.IsDead && !by.IsFrozen && by.ThawedTicks < since)
            {
                world.Fail($"C7: a write behind the end of {volume} waits for longer than {PoolHost.HoldLimit.TotalSeconds} s on host {host.Id}");
            }
        });
    }

    private async Task ReadBackAsync(VolumeExport from)
    {
        var blocks = world.Book.Of(volume).Blocks;
        if (blocks.Count == 0)
        {
            return;
        }

        var (offset, block) = blocks.ElementAt(world.Choice.Pick(blocks.Count, "block to read"));
        var (sector, done) = (new byte[from.SectorSize], block.Done);
        if (await from.ReadAsync(offset, sector, CancellationToken.None) == NbdError.None && from == export && IsServed && block.Done == done)
        {
            Compare(world, volume, offset, block, sector);
        }
    }

    public static void Compare(PoolWorld world, string volume, long offset, VolumeBook.Block block, ReadOnlySpan<byte> sector)
    {
        var isOurs = Stamp.TryParse(sector, out var owner, out var at, out var version) && owner.ToString() == volume && at == offset;
        if (block.Done != 0 && !(isOurs && (version == block.Done || block.Open.Contains(version))))
        {
            world.Fail($"C3 DataOwner: the guest of {volume} wrote version {block.Done} at {offset}, there is {(isOurs ? $"version {version}" : $"something of {owner}")}");
        }
    }
}
