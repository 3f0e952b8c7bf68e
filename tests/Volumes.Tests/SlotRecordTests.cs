using FsCheck.Fluent;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

public class SlotRecordTests
{
    private static readonly Guid Volume = Guid.Parse("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    private static readonly byte[] Before = VolumeSlotTests.TextOf(VolumeSlotTests.Golden);
    private static readonly byte[] After = VolumeSlotTests.TextOf(VolumeSlotTests.Golden.WithNextGeneration());
    private static readonly Guid Domain = VolumeSlotTests.Golden.Domain;

    private static byte[] Area(ReadOnlySpan<byte> text, SlotRecord? record)
    {
        var bytes = new byte[8192];
        text.CopyTo(bytes);
        record?.Format(bytes.AsSpan(SlotRecord.OffsetBytes, SlotRecord.SizeBytes));
        return bytes;
    }

    private static SlotReading Read(ReadOnlySpan<byte> text, SlotRecord? record, int slot = 5) => SlotReading.Read(slot, Area(text, record), Domain);

    [Fact]
    public void The_record_has_its_documented_bytes()
    {
        var bytes = new byte[512];
        SlotRecord.For(5, Volume, Domain, Before, new byte[512]).Format(bytes);
        Assert.Equal("SPMSLOT\n"u8.ToArray(), bytes[..8]);
        Assert.Equal(Convert.FromHexString("01000000"), bytes[8..12]);
        Assert.Equal(Convert.FromHexString("05000000"), bytes[16..20]);
        Assert.Equal(Convert.FromHexString("aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"), bytes[32..48]);
        Assert.All(bytes[64..], value => Assert.Equal(0, value));
    }

    [Fact]
    public void The_checksum_is_the_well_known_one()
    {
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));
        Assert.Equal(Crc32C.Of([1, 2, 3, 0, 0, 0, 0, 4]), Crc32C.OfRecord([1, 2, 3, 9, 9, 9, 9, 4], 3));
    }

    [Fact]
    public void A_text_that_ovirt_wrote_alone_is_good()
    {
        var reading = Read(Before, record: null);
        Assert.Equal((SlotError.None, SlotAgreement.NoRecord), (reading.Error, reading.Agreement));
        Assert.Equal(VolumeSlotTests.Golden, reading.Slot);
        Assert.Equal(SlotAgreement.NoRecord, SlotReading.Read(5, Before, Domain).Agreement);
    }

    /// The record goes first and names both texts, so wherever the power fails the pair agrees.
    [Fact]
    public void A_crash_between_record_and_text_leaves_a_pair_that_agrees()
    {
        var old = SlotRecord.For(5, Volume, Domain, Before, new byte[512]);
        var next = SlotRecord.For(5, Volume, Domain, After, Before);
        Assert.Equal(SlotAgreement.Agrees, Read(Before, old).Agreement);
        Assert.Equal(SlotAgreement.AgreesWithPrevious, Read(Before, next).Agreement);
        Assert.Equal(SlotAgreement.Agrees, Read(After, next).Agreement);
    }

    [Fact]
    public void A_text_that_ovirt_wrote_later_is_reported_and_still_read()
    {
        var reading = Read(After, SlotRecord.For(5, Volume, Domain, Before, new byte[512]));
        Assert.Equal(SlotAgreement.TextChangedElsewhere, reading.Agreement);
        Assert.NotNull(reading.Slot);
    }

    [Fact]
    public void A_misplaced_or_foreign_pair_is_told_apart()
    {
        var record = SlotRecord.For(5, Volume, Domain, Before, new byte[512]);
        Assert.Equal(SlotAgreement.OtherSlot, Read(Before, record, slot: 6).Agreement);
        Assert.Equal(SlotAgreement.OtherDomain, Read(Before, record with { Domain = Volume }).Agreement);
    }

    [Fact]
    public void A_torn_text_is_noticed_although_it_may_still_parse()
    {
        // One digit of the capacity: no parser can see that.
        var torn = Before.ToArray();
        torn[4] = (byte)'2';
        Assert.Equal(SlotAgreement.TextChangedElsewhere, Read(torn, SlotRecord.For(5, Volume, Domain, Before, new byte[512])).Agreement);
    }

    [Fact]
    public void Every_flipped_bit_of_a_record_is_noticed()
    {
        var area = Area(Before, SlotRecord.For(5, Volume, Domain, Before, new byte[512]));
        for (var bit = 512 * 8; bit < 1024 * 8; bit++)
        {
            var bytes = area.ToArray();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            var reading = SlotReading.Read(5, bytes, Domain);
            Assert.Equal(SlotAgreement.DamagedRecord, reading.Agreement);
            Assert.Equal(bit < (512 + 8) * 8 ? RecordError.WrongMagic : RecordError.WrongChecksum, reading.RecordError);
            Assert.NotNull(reading.Slot);
        }
    }

    [Fact]
    public void Every_record_reads_back_and_no_bytes_break_the_parser()
    {
        Forall.Of(
            from slot in Gen.Choose(1, 1947)
            from volume in Forall.Uuid
            from text in Forall.Number
            select new SlotRecord(slot, volume, Domain, (uint)text, (uint)(text >> 32)),
            record =>
            {
                var bytes = new byte[512];
                record.Format(bytes);
                Assert.Equal(RecordError.None, SlotRecord.TryParse(bytes, out var parsed));
                Assert.Equal(record, parsed);
            });
        Forall.Of(Forall.BytesOf(512), bytes => Assert.Equal(RecordError.WrongMagic, SlotRecord.TryParse(bytes, out _)));
        Forall.Of(Forall.Bytes, bytes => Assert.NotEqual(RecordError.None, SlotRecord.TryParse(bytes, out _)));
    }
}
