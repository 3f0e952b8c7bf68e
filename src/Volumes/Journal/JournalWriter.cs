using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Journal;

/// <summary>Decides where the next block goes and what it holds. One epoch's; its caller writes the bytes, then says what became of them.</summary>
/// <remarks>
/// R18: begins with a fresh segment that names where the predecessor's log ended. A block that does not fit begins the next segment, which
/// then holds all that is still needed: the ones before it are free.
/// </remarks>
public sealed class JournalWriter
{
    private readonly JournalGeometry _geometry;
    private readonly Guid _pool;
    private readonly ulong _epoch;
    private readonly JournalPosition? _predecessorEnd;
    private readonly ByteBuilder _records = new();
    private byte[] _buffer = [];
    private ulong _sequence;
    private int _offset;
    private bool _hasBegun;
    private (ulong Sequence, int Offset, ImmutableArray<JournalRecord> Records)? _pending;

    public JournalWriter(JournalGeometry geometry, Guid pool, ulong epoch, JournalReading before)
    {
        (_geometry, _pool, _epoch) = (geometry, pool, epoch);
        (State, _predecessorEnd) = (before.State(), before.Log?.End);
        // As if the segment before were full: the first block begins one.
        (_sequence, _offset) = (before.FirstSequence(geometry, epoch) - 1, JournalGeometry.SegmentBytes);
    }

    /// <summary>Everything that took effect.</summary>
    public JournalState State { get; }

    /// <summary>Where the next block goes.</summary>
    public JournalPosition Position => new(_epoch, _sequence, _offset);

    /// <param name="commit">Null for records that belong to no metadata commit.</param>
    /// <returns>The write, from the start of the journal's volume; its bytes are good until the next call. Null when it is too large for a block.</returns>
    public (long OffsetBytes, ReadOnlyMemory<byte> Bytes)? Next(CommitNote? commit, ImmutableArray<JournalRecord> records)
    {
        _records.Clear();
        foreach (var record in records)
        {
            JournalRecordCodec.Append(_records, record);
        }

        var size = _geometry.RoundUp(JournalBlock.HeaderBytes + _records.Length);
        return _offset + size <= JournalGeometry.SegmentBytes ? Behind(commit, records, size) : Fresh(commit, records);
    }

    /// <summary>The last block is durable, and so is what it was written beside.</summary>
    public void TookEffect()
    {
        var (sequence, offset, records) = _pending ?? throw new InvalidOperationException("no block is under way");
        (_sequence, _offset, _pending, _hasBegun) = (sequence, offset, null, true);
        foreach (var record in records)
        {
            State.Apply(record);
        }
    }

    /// <summary>The commit did not take effect: the next block takes the place of the last one.</summary>
    /// <remarks>Also when that one began a segment: a reader takes it for the newest, so what follows must be in it.</remarks>
    public void Dropped()
    {
        if (_pending is { } dropped && dropped.Sequence > _sequence)
        {
            _offset = JournalGeometry.SegmentBytes;
        }

        _pending = null;
    }

    private (long, ReadOnlyMemory<byte>) Behind(CommitNote? commit, ImmutableArray<JournalRecord> records, int size)
    {
        Reserve(size);
        var block = new JournalBlock(Position, commit, false, 0, HighestIn(records), records);
        block.Format(_pool, _records.Written, _buffer.AsSpan(0, size));
        _pending = (_sequence, _offset + size, records);
        return (_geometry.OffsetOf(_geometry.IndexOf(_sequence)) + _offset, _buffer.AsMemory(0, size));
    }

    private (long, ReadOnlyMemory<byte>)? Fresh(CommitNote? commit, ImmutableArray<JournalRecord> records)
    {
        var (sequence, carried, sector) = (_sequence + 1, State.ToRecords(), _geometry.SectorSize);
        _records.Clear();
        foreach (var record in carried.Concat(records))
        {
            JournalRecordCodec.Append(_records, record);
        }

        var size = _geometry.RoundUp(JournalBlock.HeaderBytes + _records.Length);
        if (size > _geometry.MaximumBlockBytes)
        {
            return null;
        }

        Reserve(sector + size);
        var isFirst = !_hasBegun;
        new SegmentHeader(_pool, _epoch, sequence, _geometry.IndexOf(sequence), isFirst, isFirst ? _predecessorEnd : null).Format(_buffer.AsSpan(0, sector));
        var block = new JournalBlock(
            new JournalPosition(_epoch, sequence, sector), commit, true, carried.Length, HighestIn(records), [.. carried, .. records]);
        block.Format(_pool, _records.Written, _buffer.AsSpan(sector, size));
        _pending = (sequence, sector + size, records);
        return (_geometry.OffsetOf(_geometry.IndexOf(sequence)), _buffer.AsMemory(0, sector + size));
    }

    private ulong HighestIn(ImmutableArray<JournalRecord> records) =>
        Math.Max(State.LastOperation, records.OfType<JournalRecord.Begun>().Select(begun => begun.Operation).DefaultIfEmpty().Max());

    private void Reserve(int bytes)
    {
        if (_buffer.Length < bytes)
        {
            _buffer = new byte[Math.Max(bytes, 2 * _buffer.Length)];
        }
    }
}
