using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace OvirtSpm.Volumes.Journal;

/// <summary>Records to bytes and back.</summary>
/// <remarks>
/// Little-endian. Each: <c>0 u16 kind  2 u16 length with this header  4 …</c>
/// <code>
/// 1 begun      u64 operation  u16 kind  u16 asker's host (0xFFFF: none)  u32 zero  16B life  u64 counter  16B volume  i64 from  i64 to
/// 2 ended      u64 operation  u16 outcome
/// 3 answered   u16 kind  u16 outcome  u16 host  u16 zero  16B life  u64 counter  16B volume
/// 4 forgotten  u16 host  u16 zero  16B life  u64 counter
/// 5 granted    i64 before  u16 runs  u16 tags (0xFFFF: unchanged)  name  lv  runs: (u32 device, i64 start, i64 count)  tags
/// 6 freed      i64 left  name  lv
/// </code>
/// A text is <c>u16 length</c> and that many bytes of ASCII. An unknown kind ends the reading of its block with BadField.
/// </remarks>
internal static class JournalRecordCodec
{
    private const ushort None = 0xFFFF;

    public static void Append(ByteBuilder to, JournalRecord record)
    {
        var start = to.Length;
        to.U16(0).U16(0);
        var kind = Body(to, record);
        to.PatchU16(start, kind);
        to.PatchU16(start + 2, checked((ushort)(to.Length - start)));
    }

    /// <returns>False when the bytes are no such list of records.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, int count, out ImmutableArray<JournalRecord> records)
    {
        var found = ImmutableArray.CreateBuilder<JournalRecord>(Math.Min(count, bytes.Length / 4));
        records = [];
        for (var i = 0; i < count; i++)
        {
            if (bytes.Length < 4 || BinaryPrimitives.ReadUInt16LittleEndian(bytes[2..]) is var length && (length < 4 || length > bytes.Length))
            {
                return false;
            }

            var reader = new ByteReader(bytes[4..length]);
            if (Read(BinaryPrimitives.ReadUInt16LittleEndian(bytes), ref reader) is not { } record || reader.Failed || !reader.IsAtEnd)
            {
                return false;
            }

            found.Add(record);
            bytes = bytes[length..];
        }

        records = found.ToImmutable();
        return bytes.IsEmpty;
    }

    private static ushort Body(ByteBuilder to, JournalRecord record)
    {
        switch (record)
        {
            case JournalRecord.Begun begun:
                to.U64(begun.Operation).U16((ushort)begun.Kind).U16(begun.Request is { } by ? (ushort)by.Host : None).U32(0)
                    .Uuid(begun.Request?.Life ?? Guid.Empty).U64(begun.Request?.Counter ?? 0).Uuid(begun.Volume).I64(begun.FromBytes).I64(begun.ToBytes);
                return 1;
            case JournalRecord.Ended ended:
                to.U64(ended.Operation).U16((ushort)ended.Outcome);
                return 2;
            case JournalRecord.Answered answered:
                to.U16((ushort)answered.Kind).U16((ushort)answered.Outcome).U16((ushort)answered.Request.Host).U16(0)
                    .Uuid(answered.Request.Life).U64(answered.Request.Counter).Uuid(answered.Volume);
                return 3;
            case JournalRecord.Forgotten forgotten:
                to.U16((ushort)forgotten.Host).U16(0).Uuid(forgotten.Life).U64(forgotten.Counter);
                return 4;
            case JournalRecord.Granted granted:
                to.I64(granted.BeforeExtents).U16(checked((ushort)granted.Runs.Length)).U16(granted.Tags is { } tags ? checked((ushort)tags.Count) : None)
                    .Text(granted.Name).Text(granted.Lv);
                foreach (var run in granted.Runs)
                {
                    to.U32((uint)run.Device).I64(run.Start).I64(run.Count);
                }

                foreach (var tag in granted.Tags ?? [])
                {
                    to.Text(tag);
                }

                return 5;
            case JournalRecord.Freed freed:
                to.I64(freed.LeftExtents).Text(freed.Name).Text(freed.Lv);
                return 6;
            default:
                throw new InvalidOperationException("a closed set of records");
        }
    }

    private static JournalRecord? Read(ushort kind, ref ByteReader from) => kind switch
    {
        1 => Begun(ref from),
        2 => new JournalRecord.Ended(from.U64(), Outcome(ref from)),
        3 => Answered(ref from),
        4 => Forgotten(ref from),
        5 => Granted(ref from),
        6 => Freed(ref from),
        _ => null,
    };

    private static JournalRecord.Begun Begun(ref ByteReader from)
    {
        var (operation, kind, host, zero) = (from.U64(), Kind(ref from), from.U16(), from.U32());
        var (life, counter, volume) = (from.Uuid(), from.U64(), from.Uuid());
        var request = host == None ? (RequestId?)null : new RequestId(host, life, counter);
        from.Demand(zero == 0 && operation > 0 && volume != Guid.Empty && (request?.IsValid ?? (life == Guid.Empty && counter == 0)));
        return new JournalRecord.Begun(operation, kind, request, volume, from.Count(), from.Count());
    }

    private static JournalRecord.Answered Answered(ref ByteReader from)
    {
        var (kind, outcome, host, zero) = (Kind(ref from), Outcome(ref from), from.U16(), from.U16());
        var request = new RequestId(host, from.Uuid(), from.U64());
        from.Demand(zero == 0 && request.IsValid);
        return new JournalRecord.Answered(request, kind, from.Uuid(), outcome);
    }

    private static JournalRecord.Forgotten Forgotten(ref ByteReader from)
    {
        var (host, zero) = (from.U16(), from.U16());
        var forgotten = new JournalRecord.Forgotten(host, from.Uuid(), from.U64());
        from.Demand(zero == 0 && forgotten.Life != Guid.Empty);
        return forgotten;
    }

    private static JournalRecord.Granted Granted(ref ByteReader from)
    {
        var (before, runCount, tagCount) = (from.Count(), from.U16(), from.U16());
        var (name, lv) = (from.Text(), from.Text());
        var runs = ImmutableArray.CreateBuilder<GrantedRun>();
        for (var i = 0; i < runCount && !from.Failed; i++)
        {
            var device = from.U32();
            from.Demand(device <= int.MaxValue);
            runs.Add(new GrantedRun((int)Math.Min(device, int.MaxValue), from.Count(), from.Count()));
        }

        if (tagCount == None)
        {
            return new JournalRecord.Granted(name, lv, before, runs.ToImmutable(), null);
        }

        var tags = ImmutableArray.CreateBuilder<string>();
        for (var i = 0; i < tagCount && !from.Failed; i++)
        {
            tags.Add(from.Text());
        }

        return new JournalRecord.Granted(name, lv, before, runs.ToImmutable(), new EquatableList<string>(tags.ToImmutable()));
    }

    private static JournalRecord.Freed Freed(ref ByteReader from)
    {
        var left = from.Count();
        return new JournalRecord.Freed(from.Text(), from.Text(), left);
    }

    private static OperationKind Kind(ref ByteReader from)
    {
        var kind = (OperationKind)from.U16();
        from.Demand(Enum.IsDefined(kind));
        return kind;
    }

    private static OperationOutcome Outcome(ref ByteReader from)
    {
        var outcome = (OperationOutcome)from.U16();
        from.Demand(Enum.IsDefined(outcome));
        return outcome;
    }
}
