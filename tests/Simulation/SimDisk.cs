using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>The shared storage: bytes, what landed when, and the places nobody may write.</summary>
/// <remarks>
/// A sector is written whole or not at all; that assumption is <see cref="AtomicBytes"/> and nothing else. A read of many sectors is no
/// snapshot: each sector may be as old as the read itself.
/// </remarks>
internal sealed class SimDisk(int sectorSize, long sizeBytes, SimScheduler scheduler, IChoice choice)
{
    private readonly List<(long At, long Offset, byte[] Before)> landed = [];
    private readonly List<(long Offset, long Length)> guards = [];

    private int AtomicBytes => SectorSize;

    public int SectorSize { get; } = sectorSize;

    public SparseBytes Bytes { get; } = new(sizeBytes);

    /// <summary>Told about every sector group that lands: host, offset, bytes.</summary>
    public Action<int, long, ReadOnlyMemory<byte>>? Landed { get; set; }

    /// <summary>Told about every read when it is performed: sector size and place are the reader's; nothing has answered yet.</summary>
    public Action<int, long>? Performed { get; set; }

    public string? Damage { get; private set; }

    public void Guard(long offset, long length)
    {
        Bytes.Fill(offset, length, 0xEE);
        guards.Add((offset, length));
    }

    public void Land(int host, long offset, ReadOnlySpan<byte> data, Func<int, bool>? keepSector = null)
    {
        foreach (var guard in guards)
        {
            if (offset < guard.Offset + guard.Length && guard.Offset < offset + data.Length)
            {
                Damage = $"host {host} wrote {data.Length} bytes at {offset}, over the guard at {guard.Offset}";
            }
        }

        for (var at = 0; at < data.Length; at += AtomicBytes)
        {
            if (keepSector?.Invoke(at / AtomicBytes) == false)
            {
                continue;
            }

            var piece = data.Slice(at, Math.Min(AtomicBytes, data.Length - at));
            var before = new byte[piece.Length];
            Bytes.Read(offset + at, before);
            landed.Add((scheduler.NowTicks, offset + at, before));
            Bytes.Write(offset + at, piece);
            Landed?.Invoke(host, offset + at, piece.ToArray());
        }

        if (landed.Count > 4096)
        {
            landed.RemoveRange(0, 2048);
        }
    }

    /// <summary>What a read issued at <paramref name="sinceTicks"/> and performed now returns.</summary>
    public void Read(long offset, Span<byte> buffer, long sinceTicks)
    {
        Bytes.Read(offset, buffer);
        HashSet<long> settled = [];
        for (var i = landed.Count - 1; i >= 0 && landed[i].At > sinceTicks; i--)
        {
            var (_, at, before) = landed[i];
            if (at < offset || at + before.Length > offset + buffer.Length || settled.Contains(at))
            {
                continue;
            }

            if (choice.Pick(2, "sector old or new") == 0)
            {
                before.CopyTo(buffer[(int)(at - offset)..]);
            }
            else
            {
                settled.Add(at);
            }
        }
    }
}
