using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>The shared storage: bytes, what landed when, and the places nobody may write.</summary>
/// <remarks>
/// A sector is written whole or not at all; that assumption is <see cref="AtomicBytes"/> and nothing else. A read of many sectors is no
/// snapshot: it is performed at some moment between being issued and being answered, and until then each sector may be as old as the read.
/// </remarks>
internal sealed class SimDisk(int sectorSize, SparseBytes bytes, SimScheduler scheduler, IChoice choice)
{
    private readonly List<(long At, long Offset, ReadOnlyMemory<byte> Before)> landed = [];
    private readonly List<(long Offset, long Length)> guards = [];
    private readonly List<(long Offset, byte[] Before, byte[] Rotten)> rot = [];
    private int readsUnderWay;

    private int AtomicBytes => SectorSize;

    public int SectorSize { get; } = sectorSize;

    public SparseBytes Bytes { get; } = bytes;

    /// <summary>Told about every run of sectors that lands: host, offset, bytes.</summary>
    public Action<int, long, ReadOnlyMemory<byte>>? Landed { get; set; }

    /// <summary>Told about every read when it is performed: sector size and place are the reader's; nothing has answered yet.</summary>
    public Action<int, long>? Performed { get; set; }

    public string? Damage { get; private set; }

    public void Guard(long offset, long length)
    {
        Bytes.Fill(offset, length, 0xEE);
        guards.Add((offset, length));
    }

    /// <summary>A read was issued (+1) or performed (−1): only while one is under way do older bytes matter.</summary>
    public void CountRead(int change)
    {
        readsUnderWay += change;
        if (readsUnderWay == 0)
        {
            landed.Clear();
        }
    }

    public void Land(int host, long offset, ReadOnlyMemory<byte> data)
    {
        foreach (var guard in guards)
        {
            if (offset < guard.Offset + guard.Length && guard.Offset < offset + data.Length)
            {
                Damage = $"host {host} wrote {data.Length} bytes at {offset}, over the guard at {guard.Offset}";
            }
        }

        if (readsUnderWay > 0)
        {
            Remember(offset, data.Length);
        }

        Bytes.Write(offset, data.Span);
        Landed?.Invoke(host, offset, data);
    }

    /// <summary>Each sector landed or did not: what a reset leaves of a write that was out.</summary>
    /// <returns>Whether some of it landed and some did not.</returns>
    public bool LandTorn(int host, long offset, ReadOnlyMemory<byte> data)
    {
        var (kept, lost) = (0, 0);
        for (var at = 0; at < data.Length; at += AtomicBytes)
        {
            if (choice.Pick(2, "torn write") == 0)
            {
                Land(host, offset + at, data.Slice(at, Math.Min(AtomicBytes, data.Length - at)));
                kept++;
            }
            else
            {
                lost++;
            }
        }

        return kept > 0 && lost > 0;
    }

    /// <summary>One bit of a sector is wrong from now on, however often it is read, until the sector is written.</summary>
    public void Rot(long offset)
    {
        if (rot.Exists(one => one.Offset == offset))
        {
            return;
        }

        var rotten = new byte[SectorSize];
        Bytes.Read(offset, rotten);
        rotten[choice.Pick(48, "rotten byte")] ^= (byte)(1 << choice.Pick(8, "rotten bit"));
        Spoil(offset, rotten);
    }

    /// <summary>A sector holds what nobody meant to write there.</summary>
    public void Spoil(long offset, ReadOnlySpan<byte> sector)
    {
        if (rot.Exists(one => one.Offset == offset))
        {
            return;
        }

        var before = new byte[SectorSize];
        Bytes.Read(offset, before);
        Bytes.Write(offset, sector);
        rot.Add((offset, before, sector.ToArray()));
    }

    /// <summary>What nobody has overwritten since is made good again, as a repair would.</summary>
    public void HealRot()
    {
        foreach (var (offset, before, rotten) in rot)
        {
            var now = new byte[SectorSize];
            Bytes.Read(offset, now);
            if (now.AsSpan().SequenceEqual(rotten))
            {
                Bytes.Write(offset, before);
            }
        }

        rot.Clear();
    }

    /// <summary>What a read issued at <paramref name="sinceTicks"/> and performed now returns.</summary>
    public void Read(long offset, Span<byte> buffer, long sinceTicks)
    {
        Bytes.Read(offset, buffer);
        if (landed.Count == 0)
        {
            return;
        }

        var first = landed.Count;
        while (first > 0 && landed[first - 1].At > sinceTicks)
        {
            first--;
        }

        if (first == landed.Count)
        {
            return;
        }

        // What landed after the read was performed is not in it; of what landed before, while it was under way, each sector may be.
        var performed = first + choice.Pick(landed.Count - first + 1, "when it was performed");
        HashSet<long>? settled = null;
        for (var i = landed.Count - 1; i >= first; i--)
        {
            var (_, at, before) = landed[i];
            if (at < offset || at + before.Length > offset + buffer.Length || settled?.Contains(at) == true)
            {
                continue;
            }

            if (i >= performed || choice.Pick(2, "sector old or new") == 0)
            {
                before.Span.CopyTo(buffer[(int)(at - offset)..]);
            }
            else
            {
                (settled ??= []).Add(at);
            }
        }
    }

    private void Remember(long offset, int length)
    {
        var before = new byte[length];
        Bytes.Read(offset, before);
        for (var at = 0; at < length; at += AtomicBytes)
        {
            landed.Add((scheduler.NowTicks, offset + at, before.AsMemory(at, Math.Min(AtomicBytes, length - at))));
        }

        if (landed.Count > 4096)
        {
            landed.RemoveRange(0, 2048);
        }
    }
}
