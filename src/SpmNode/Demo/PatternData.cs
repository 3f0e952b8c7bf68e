using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Demo;

/// <summary>Contents that say where they belong: every 16 bytes name their volume and their offset.</summary>
/// <remarks>
/// <code>
/// 0 u64 offset of these 16 bytes in the guest's disk, exclusive-or the volume's tag
/// 8 u64 (offset + tag) × 0x9E3779B97F4A7C15: a second witness, so that one flipped bit cannot turn one place into another
/// </code>
/// Little-endian on every machine this runs on. A misplaced extent is therefore not only noticed but named.
/// </remarks>
public sealed class PatternData
{
    /// <summary>Offsets and lengths are multiples of this, bytes.</summary>
    public const int CellBytes = 16;

    const ulong Multiplier = 0x9E3779B97F4A7C15;

    readonly ulong tag;

    public PatternData(Guid volume)
    {
        Span<byte> bytes = stackalloc byte[16];
        volume.TryWriteBytes(bytes);
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        // Odd and with high bits set: neither word of the first cell may be zero, zeros are what a hole reads as.
        tag = (words[0] ^ System.Numerics.BitOperations.RotateLeft(words[1], 23)) | 0x8000_0000_0000_0001;
    }

    public void Fill(long offset, Span<byte> target)
    {
        var words = Words(offset, target);
        var (first, second) = ((ulong)offset, ((ulong)offset + tag) * Multiplier);
        for (var at = 0; at + 1 < words.Length; at += 2)
        {
            words[at] = first ^ tag;
            words[at + 1] = second;
            first += CellBytes;
            second = unchecked(second + CellBytes * Multiplier);
        }
    }

    /// <returns>Where in <paramref name="found"/> the first byte cell is that does not belong there; −1 when all do.</returns>
    public int FirstWrong(long offset, ReadOnlySpan<byte> found)
    {
        var words = Words(offset, found);
        var (first, second) = ((ulong)offset, ((ulong)offset + tag) * Multiplier);
        for (var at = 0; at + 1 < words.Length; at += 2)
        {
            if (((words[at] ^ first ^ tag) | (words[at + 1] ^ second)) != 0)
            {
                return at * sizeof(ulong);
            }
            first += CellBytes;
            second = unchecked(second + CellBytes * Multiplier);
        }
        return -1;
    }

    /// <summary>What a cell holds, for the message about the first wrong one.</summary>
    public string Describe(ReadOnlySpan<byte> cell)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(cell[..CellBytes]);
        var offset = words[0] ^ tag;
        return (words[0] | words[1]) == 0 ? "zeros"
            : (offset + tag) * Multiplier == words[1] ? $"what belongs at offset {offset}"
            : $"foreign bytes {Convert.ToHexString(cell[..CellBytes])}";
    }

    static Span<ulong> Words(long offset, Span<byte> bytes)
    {
        Check(offset, bytes.Length);
        return MemoryMarshal.Cast<byte, ulong>(bytes);
    }

    static ReadOnlySpan<ulong> Words(long offset, ReadOnlySpan<byte> bytes)
    {
        Check(offset, bytes.Length);
        return MemoryMarshal.Cast<byte, ulong>(bytes);
    }

    static void Check(long offset, int length)
    {
        if (offset < 0 || offset % CellBytes != 0 || length % CellBytes != 0)
        {
            throw new ArgumentException($"{length} bytes at {offset} are not whole cells of {CellBytes} bytes");
        }
    }
}
