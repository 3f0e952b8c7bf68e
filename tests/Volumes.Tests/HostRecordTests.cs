using FsCheck.Fluent;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Tests;

public class HostRecordTests
{
    private static readonly Guid Pool = Guid.Parse("99999999-2222-4333-8444-555555555555");
    private static readonly Guid Other = Guid.Parse("77777777-2222-4333-8444-555555555555");
    private static readonly HostRecord Example = new(
        Pool, Host: 7, Generation: 3, Sequence: 12, Guid.Parse("aaaaaaaa-0000-4000-8000-000000000001"), Guid.Parse("bbbbbbbb-0000-4000-8000-000000000002"),
        "node-7", "http://10.0.0.7:8700", "0.1.0+abcdef", WatchdogKind.Wdmd, WatchdogTimeoutSeconds: 60, IoTimeoutSeconds: 10);

    private static byte[] Sector(HostRecord record, int size = 512)
    {
        var bytes = new byte[size];
        record.Format(bytes);
        return bytes;
    }

    private static byte[] Resealed(Action<byte[]> change)
    {
        var bytes = Sector(Example);
        change(bytes);
        SectorSeal.Close(bytes);
        return bytes;
    }

    private static HostRecordPair Pair(byte[]? first, byte[]? second) => HostRecordPair.Read(first ?? new byte[512], second ?? new byte[512], Pool, 7);

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void A_record_reads_back(int size)
    {
        Assert.Equal(RecordError.None, HostRecord.TryParse(Sector(Example, size), Pool, 7, out var parsed));
        Assert.Equal(Example, parsed);
    }

    [Fact]
    public void Any_record_that_fits_reads_back() =>
        Forall.Of(
            from numbers in Forall.BytesOf(24)
            from machine in Forall.Uuid
            from name in Forall.Word(64)
            from url in Forall.Word(192)
            from watchdog in Gen.Elements(Enum.GetValues<WatchdogKind>())
            from size in Gen.Elements(512, 4096)
            select (size, Record: new HostRecord(
                Pool, (numbers[0] % 250) + 1, BitConverter.ToUInt64(numbers, 8), BitConverter.ToUInt64(numbers, 16), machine, Guid.Empty,
                name, url, "", watchdog, BitConverter.ToUInt16(numbers, 1), Math.Max((byte)1, numbers[3]), numbers[4] % 101, numbers[5] % 2 == 1)),
            input =>
            {
                Assert.Null(input.Record.Problem());
                Assert.Equal(RecordError.None, HostRecord.TryParse(Sector(input.Record, input.size), Pool, input.Record.Host, out var parsed));
                Assert.Equal(input.Record, parsed);
            });

    [Fact]
    public void A_record_that_does_not_fit_is_explained_and_not_written()
    {
        Assert.Contains("65 bytes", (Example with { Name = new string('n', 65) }).Problem());
        Assert.Contains("193 bytes", (Example with { Url = new string('u', 193) }).Problem());
        Assert.NotNull((Example with { Name = "" }).Problem());
        Assert.NotNull((Example with { Name = "a b" }).Problem());
        Assert.NotNull((Example with { Url = "http://a\n" }).Problem());
        Assert.NotNull((Example with { Build = "\ud800" }).Problem());
        Assert.NotNull((Example with { Host = 0 }).Problem());
        Assert.NotNull((Example with { Host = 251 }).Problem());
        Assert.NotNull((Example with { IoTimeoutSeconds = 0 }).Problem());
        Assert.Contains("preference 101", (Example with { Preference = 101 }).Problem());
        Assert.NotNull((Example with { WatchdogTimeoutSeconds = 70000 }).Problem());
        Assert.Throws<InvalidOperationException>(() => (Example with { Host = 251 }).Format(new byte[512]));
        Assert.Throws<ArgumentException>(() => Example.Format(new byte[1024]));
    }

    [Fact]
    public void Every_sector_that_is_not_this_hosts_is_refused_with_its_reason()
    {
        RecordError Parse(byte[] sector) => HostRecord.TryParse(sector, Pool, 7, out _);
        var map = new byte[512];
        ActivationSector.Unused(512, Pool, 7, 0).Format(map);

        Assert.Equal(RecordError.Empty, Parse(new byte[512]));
        Assert.Equal(RecordError.WrongLength, Parse(new byte[1024]));
        Assert.Equal(RecordError.WrongMagic, Parse(map));
        Assert.Equal(RecordError.OtherPool, Parse(Sector(Example with { Pool = Other })));
        Assert.Equal(RecordError.OtherPlace, Parse(Sector(Example with { Host = 8 })));
        Assert.Equal(RecordError.WrongChecksum, Parse([.. Sector(Example)[..256], .. Sector(Example with { Sequence = 13, Build = "0.2.0" })[256..]]));
        Assert.Equal(RecordError.UnknownVersion, Parse(Resealed(bytes => bytes[8] = 2)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[82] = 9)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[83] = 1)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[86] = bytes[87] = 0)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[88] = 65)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[88] = 0)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[88] = 3)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[91] = 101)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[92] = 2)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[93] = 1)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[96] = 0xff)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(bytes => bytes[511] = 1)));
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        var sector = Sector(Example);
        for (var bit = 0; bit < sector.Length * 8; bit++)
        {
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(bit < 64 ? RecordError.WrongMagic : RecordError.WrongChecksum, HostRecord.TryParse(sector, Pool, 7, out _));
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void No_bytes_whatever_break_the_parser()
    {
        Forall.Of(Forall.Bytes, bytes => Assert.NotEqual(RecordError.None, HostRecord.TryParse(bytes, Pool, 7, out _)));
        Forall.Of(Forall.BytesOf(512 - 16), body => HostRecord.TryParse(Resealed(bytes => body.CopyTo(bytes, 16)), Pool, 7, out _));
        Forall.Of(Forall.BytesOf(512 - 88), body => HostRecord.TryParse(Resealed(bytes => body.CopyTo(bytes, 88)), Pool, 7, out _));
    }

    /// R28: an address of an earlier incarnation may be another machine's by now.
    [Fact]
    public void A_record_counts_only_with_the_generation_of_the_lease()
    {
        var pair = Pair(Sector(Example), null);
        Assert.Equal(Example, Assert.IsType<HostRecordReading.Usable>(pair.Reading(3)).Record);
        var other = Assert.IsType<HostRecordReading.OtherIncarnation>(pair.Reading(4));
        Assert.Equal((3ul, 4ul), (other.Record.Generation, other.LeaseGeneration));
    }

    [Fact]
    public void Of_two_copies_the_newer_counts_and_the_older_is_overwritten_next()
    {
        var newer = Example with { Sequence = 13 };
        var pair = Pair(Sector(Example), Sector(newer));
        Assert.Equal(newer, Assert.IsType<HostRecordReading.Usable>(pair.Reading(3)).Record);
        Assert.Equal((0, 14ul), (pair.NextCopy, pair.NextSequence));
        pair = Pair(Sector(newer), Sector(Example));
        Assert.Equal((1, 14ul), (pair.NextCopy, pair.NextSequence));
    }

    [Fact]
    public void A_write_torn_by_a_crash_leaves_the_other_copy_and_is_written_over_next()
    {
        var torn = Sector(Example with { Sequence = 13 });
        torn[300] ^= 1;
        var pair = Pair(Sector(Example), torn);
        Assert.Equal(Example, Assert.IsType<HostRecordReading.Usable>(pair.Reading(3)).Record);
        Assert.Equal((1, 13ul), (pair.NextCopy, pair.NextSequence));
    }

    [Fact]
    public void A_late_write_of_an_earlier_incarnation_does_not_hide_the_current_one()
    {
        var late = Example with { Generation = 2, Sequence = 99 };
        Assert.Equal(Example, Assert.IsType<HostRecordReading.Usable>(Pair(Sector(late), Sector(Example)).Reading(3)).Record);
    }

    [Fact]
    public void Absent_and_unreadable_are_not_the_same()
    {
        Assert.IsType<HostRecordReading.Absent>(Pair(null, null).Reading(3));
        Assert.Equal((0, 1ul), (Pair(null, null).NextCopy, Pair(null, null).NextSequence));
        var damaged = Sector(Example);
        damaged[200] ^= 1;
        Assert.Equal(new HostRecordReading.Unreadable(RecordError.WrongChecksum, RecordError.Empty), Pair(damaged, null).Reading(3));
        Assert.Equal(new HostRecordReading.Unreadable(RecordError.OtherPool, RecordError.OtherPlace), Pair(Sector(Example with { Pool = Other }), Sector(Example with { Host = 9 })).Reading(3));
    }
}
