using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Volumes.Tests.Journal;

public class JournalRecordTests
{
    private static readonly Gen<Guid> Uuid = Forall.Uuid.Where(uuid => uuid != Guid.Empty);
    private static readonly Gen<long> Count = Forall.Number.Select(number => (long)(number & long.MaxValue));
    private static readonly Gen<string> Name = Forall.Word(127);

    private static readonly Gen<RequestId> Request =
        from host in Gen.Choose(0, 250) from life in Uuid from counter in Forall.Number.Where(n => n > 0) select new RequestId(host, life, counter);

    private static readonly Gen<OperationKind> Kind = Gen.Elements(Enum.GetValues<OperationKind>());
    private static readonly Gen<OperationOutcome> Outcome = Gen.Elements(Enum.GetValues<OperationOutcome>());

    private static readonly Gen<GrantedRun> Run =
        from device in Gen.Choose(0, 100) from start in Count from count in Count select new GrantedRun(device, start, count);

    public static readonly Gen<JournalRecord> Any = Gen.OneOf(
        from operation in Forall.Number.Where(n => n > 0)
        from kind in Kind
        from request in Gen.OneOf(Request.Select(id => (RequestId?)id), Gen.Constant((RequestId?)null))
        from volume in Uuid
        from before in Count
        from after in Count
        select (JournalRecord)new JournalRecord.Begun(operation, kind, request, volume, before, after),
        from operation in Forall.Number from outcome in Outcome select (JournalRecord)new JournalRecord.Ended(operation, outcome),
        from id in Request from kind in Kind from volume in Forall.Uuid from outcome in Outcome select (JournalRecord)new JournalRecord.Answered(id, kind, volume, outcome),
        from id in Request select (JournalRecord)new JournalRecord.Forgotten(id.Host, id.Life, id.Counter),
        from name in Name
        from lv in Name
        from before in Count
        from runs in Run.ArrayOf()
        from tags in Gen.OneOf(Name.ArrayOf().Select(all => (EquatableList<string>?)new EquatableList<string>([.. all])), Gen.Constant((EquatableList<string>?)null))
        select (JournalRecord)new JournalRecord.Granted(name, lv, before, [.. runs], tags),
        from name in Name from lv in Name from left in Count select (JournalRecord)new JournalRecord.Freed(name, lv, left));

    [Fact]
    public void Every_record_reads_back_as_it_was_written() => Forall.Of(Any.ArrayOf(), records =>
    {
        Assert.True(JournalRecordCodec.TryRead(Bytes(records), records.Length, out var read));
        Assert.Equal(records, read);
    });

    [Fact]
    public void Changed_bytes_are_refused_or_read_as_records_that_write_the_same_bytes_again() => Forall.Of(
        from records in Any.NonEmptyListOf() from at in Forall.Number from value in Gen.Choose(0, 255) select (records.ToArray(), at, (byte)value), tuple =>
    {
        var (records, at, value) = tuple;
        var bytes = Bytes(records);
        bytes[at % (ulong)bytes.Length] = value;
        if (JournalRecordCodec.TryRead(bytes, records.Length, out var read))
        {
            Assert.Equal(bytes, Bytes([.. read]));
        }
    });

    [Fact]
    public void Random_bytes_are_never_more_than_they_could_hold() => Forall.Of(
        from bytes in Forall.Bytes from count in Gen.Choose(0, int.MaxValue) select (bytes, count), tuple =>
        {
            JournalRecordCodec.TryRead(tuple.bytes, tuple.count, out var read);
            Assert.InRange(read.Length, 0, tuple.bytes.Length / 4);
        });

    [Fact]
    public void A_request_id_reads_back_from_its_text_and_nothing_else_does()
    {
        Forall.Of(Request, id =>
        {
            Assert.True(RequestId.TryParse(id.ToString(), out var read));
            Assert.Equal(id, read);
        });
        string?[] bad = [null, "", "1", "1..2", "1.0f8fad5bd9cb469fa16570867728950e.0", "-1.0f8fad5bd9cb469fa16570867728950e.3", "70000.0f8fad5bd9cb469fa16570867728950e.3",
            "1.00000000000000000000000000000000.3", "1.0f8fad5bd9cb469fa16570867728950e.3.4", "1.0f8fad5b-d9cb-469f-a165-70867728950e.3", "1.0f8fad5bd9cb469fa16570867728950e.99999999999999999999"];
        Assert.All(bad, text => Assert.False(RequestId.TryParse(text, out _), text));
    }

    private static byte[] Bytes(IReadOnlyCollection<JournalRecord> records)
    {
        var builder = new ByteBuilder();
        foreach (var record in records)
        {
            JournalRecordCodec.Append(builder, record);
        }

        return builder.Written.ToArray();
    }
}
