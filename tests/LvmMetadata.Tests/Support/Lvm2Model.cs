using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace LvmMetadata.Tests.Support;

/// <summary>What stock lvm2 would choose, written down apart from our own reader: checksums, highest seqno, a tie of two contents fails.</summary>
public static partial class Lvm2Model
{
    /// <returns>Null when it would not read the group at all.</returns>
    public static uint? Seqno(MemoryPv pv)
    {
        var label = new byte[512];
        pv.Peek(512, label);
        var seen = new Dictionary<uint, string>();
        for (var at = 104; BinaryPrimitives.ReadInt64LittleEndian(label.AsSpan(at)) is var start and > 0; at += 16)
        {
            var size = BinaryPrimitives.ReadInt64LittleEndian(label.AsSpan(at + 8));
            var header = new byte[512];
            pv.Peek(start, header);
            if (Crc(header.AsSpan(4)) != BinaryPrimitives.ReadUInt32LittleEndian(header))
            {
                continue;
            }
            var offset = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
            var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48));
            if (offset == 0 || offset + length > size)
            {
                continue;
            }
            var text = new byte[length];
            pv.Peek(start + offset, text);
            if (Crc(text) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(56)))
            {
                continue;
            }
            var content = Encoding.ASCII.GetString(text);
            var seqno = uint.Parse(SeqnoLine().Match(content).Groups[1].Value);
            if (!seen.TryAdd(seqno, content) && seen[seqno] != content)
            {
                return null;
            }
        }
        return seen.Count == 0 ? null : seen.Keys.Max();
    }

    /// <summary>One bit at a time, as slow and plain as can be.</summary>
    public static uint Crc(ReadOnlySpan<byte> data, uint crc = 0xF597A6CF)
    {
        foreach (var b in data)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }
        return crc;
    }

    [GeneratedRegex(@"\nseqno = (\d+)\n")]
    private static partial Regex SeqnoLine();
}
