using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>The checksum of labels, headers and texts: reflected CRC-32, its own start value, no final inversion.</summary>
/// <remarks>
/// Polynomial 0xEDB88320 (reversed), start 0xF597A6CF. Check values: empty F597A6CF, "123456789" 4991CF02.
/// A result is the next start value, so a text in two pieces is summed piece by piece.
/// A ten-thousand-volume text is 4 MiB and is summed at every commit: carry-less multiplication where there is any.
/// </remarks>
public static class LvmCrc
{
    public const uint Start = 0xF597A6CF;

    private const int FoldThreshold = 256;

    private static readonly uint[] Tables = MakeTables();

    public static uint Compute(ReadOnlySpan<byte> data, uint start = Start)
    {
        if (Pclmulqdq.IsSupported && data.Length >= FoldThreshold)
        {
            Span<byte> folded = stackalloc byte[16];
            var consumed = Fold(data, start, folded);
            start = BySlices(folded, 0);
            data = data[consumed..];
        }
        return BySlices(data, start);
    }

    /// <summary>Eight bytes a step through eight tables; the portable way, and the end of the fast one.</summary>
    internal static uint BySlices(ReadOnlySpan<byte> data, uint crc)
    {
        var t = Tables;
        while (data.Length >= 8)
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(data) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = t[(7 * 256) + (int)(low & 0xff)] ^ t[(6 * 256) + (int)((low >> 8) & 0xff)]
                ^ t[(5 * 256) + (int)((low >> 16) & 0xff)] ^ t[(4 * 256) + (int)(low >> 24)]
                ^ t[(3 * 256) + (int)(high & 0xff)] ^ t[(2 * 256) + (int)((high >> 8) & 0xff)]
                ^ t[256 + (int)((high >> 16) & 0xff)] ^ t[(int)(high >> 24)];
            data = data[8..];
        }
        foreach (var b in data)
        {
            crc = t[(int)((crc ^ b) & 0xff)] ^ (crc >> 8);
        }
        return crc;
    }

    /// <summary>Reduces all whole 64-byte groups to 16 bytes that have the same remainder from start value 0.</summary>
    /// <remarks>
    /// Fold constants of this polynomial, from the published method (Gopal et al., 2009): x^(4·128±32) and x^(128±32)
    /// modulo P, bit-reflected. Proven against the byte-wise sum by property test.
    /// </remarks>
    private static int Fold(ReadOnlySpan<byte> data, uint start, Span<byte> folded)
    {
        var far = Vector128.Create(0x0154442bd4UL, 0x01c6e41596UL);
        var near = Vector128.Create(0x01751997d0UL, 0x00ccaa009eUL);
        var blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(data);
        var x0 = blocks[0] ^ Vector128.CreateScalar((ulong)start);
        var x1 = blocks[1];
        var x2 = blocks[2];
        var x3 = blocks[3];
        var i = 4;
        for (; i + 4 <= blocks.Length; i += 4)
        {
            x0 = Step(x0, far) ^ blocks[i];
            x1 = Step(x1, far) ^ blocks[i + 1];
            x2 = Step(x2, far) ^ blocks[i + 2];
            x3 = Step(x3, far) ^ blocks[i + 3];
        }
        x1 ^= Step(x0, near);
        x2 ^= Step(x1, near);
        x3 ^= Step(x2, near);
        MemoryMarshal.Write(folded, in x3);
        return i * 16;
    }

    private static Vector128<ulong> Step(Vector128<ulong> value, Vector128<ulong> constants) =>
        Pclmulqdq.CarrylessMultiply(value, constants, 0x00) ^ Pclmulqdq.CarrylessMultiply(value, constants, 0x11);

    private static uint[] MakeTables()
    {
        var tables = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            var crc = i;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
            tables[i] = crc;
        }
        for (var i = 256; i < tables.Length; i++)
        {
            var previous = tables[i - 256];
            tables[i] = tables[(int)(previous & 0xff)] ^ (previous >> 8);
        }
        return tables;
    }
}
