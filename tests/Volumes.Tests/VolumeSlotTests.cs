using System.Security.Cryptography;
using System.Text;
using FsCheck.Fluent;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

public class VolumeSlotTests
{
    internal static readonly VolumeSlot Golden = new()
    {
        CapacityBytes = 10737418240,
        CreatedUnixSeconds = 1700000000,
        Description = """{"DiskAlias":"d1"}""",
        Domain = Guid.Parse("11111111-2222-4333-8444-555555555555"),
        Format = VolumeFormat.Cow,
        Generation = 3,
        Image = Guid.Parse("cccccccc-0000-4000-8000-000000000001"),
        Sequence = 7,
        Allocation = VolumeAllocation.Sparse,
    };

    internal static byte[] TextOf(VolumeSlot slot)
    {
        var text = new byte[512];
        Assert.Equal(SlotError.None, slot.Write(text));
        return text;
    }

    private static byte[] Padded(string text)
    {
        var bytes = new byte[512];
        Encoding.UTF8.GetBytes(text).CopyTo(bytes, 0);
        return bytes;
    }

    [Fact]
    public void The_text_is_byte_for_byte_the_one_measured_with_ovirts_own_code()
    {
        var text = TextOf(Golden);
        Assert.Equal(275, text.AsSpan().LastIndexOfAnyExcept((byte)0) + 1);
        Assert.Equal("c7a7a02646797a8787f76620c6368cd2870671e7", Convert.ToHexStringLower(SHA1.HashData(text)));
        Assert.Equal(SlotError.None, VolumeSlot.TryParse(text, out var parsed));
        Assert.Equal(Golden, parsed);
        Assert.Equal("d1", parsed!.Alias);
    }

    [Fact]
    public void Slots_and_leases_lie_where_ovirt_puts_them()
    {
        Assert.Equal((1L << 20) + 8192, SlotGeometry.OffsetBytes(1));
        Assert.Equal((1L << 20) + 1947 * 8192, SlotGeometry.OffsetBytes(1947));
        Assert.Equal(101L << 20, SlotGeometry.LeaseOffsetBytes(1));
        Assert.Equal(2047L << 20, SlotGeometry.LeaseOffsetBytes(1947));
        Assert.Equal(1947, SlotGeometry.MaximumVolumes);
        Assert.True(SlotGeometry.OffsetBytes(1947) + 8192 <= 17L << 20, "all slots lie in what is zeroed at creation");
        Assert.Throws<ArgumentOutOfRangeException>(() => SlotGeometry.OffsetBytes(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => SlotGeometry.LeaseOffsetBytes(1948));
    }

    [Fact]
    public void The_first_gap_is_the_next_slot_and_a_full_domain_has_none()
    {
        Assert.Equal(1, SlotGeometry.FirstFree([]));
        Assert.Equal(3, SlotGeometry.FirstFree([1, 2, 4, 2]));
        Assert.Null(SlotGeometry.FirstFree(Enumerable.Range(1, 1947)));
    }

    [Fact]
    public void Keys_nobody_here_knows_survive_in_their_place()
    {
        var text = Encoding.UTF8.GetString(TextOf(Golden)).TrimEnd('\0').Replace("DOMAIN=", "DISKWHAT=ever\nDOMAIN=").Replace("EOF", "ZZZ=1\nEOF");
        // DISKWHAT sorts between DISKTYPE and DOMAIN.
        Assert.Equal(SlotError.None, VolumeSlot.TryParse(Padded(text), out var parsed));
        Assert.Equal("DISKWHAT=ever\nZZZ=1\n", parsed!.OtherLines);
        Assert.Equal(Padded(text), TextOf(parsed));
    }

    [Fact]
    public void A_volume_from_before_generations_and_sequences_has_zero_of_both()
    {
        var text = Encoding.UTF8.GetString(TextOf(Golden)).TrimEnd('\0').Replace("GEN=3\n", "").Replace("SEQ=7\n", "");
        Assert.Equal(SlotError.None, VolumeSlot.TryParse(Padded(text), out var parsed));
        Assert.Equal((0, 0u), (parsed!.Generation, parsed.Sequence));
    }

    [Fact]
    public void The_generation_wraps_after_999()
    {
        Assert.Equal(4, Golden.WithNextGeneration().Generation);
        Assert.Equal(0, (Golden with { Generation = 999 }).WithNextGeneration().Generation);
    }

    [Fact]
    public void Slots_that_are_empty_cleared_short_or_without_an_end_are_told_apart()
    {
        Assert.Equal(SlotError.Empty, VolumeSlot.TryParse(new byte[512], out _));
        Assert.Equal(SlotError.Cleared, VolumeSlot.TryParse(Padded("NONE=" + new string('#', 502) + "\nEOF\n"), out _));
        Assert.Equal(SlotError.WrongLength, VolumeSlot.TryParse(new byte[511], out _));
        Assert.Equal(SlotError.NoEnd, VolumeSlot.TryParse(Padded("CAP=1\n"), out _));
        Assert.Equal(SlotError.NoEnd, VolumeSlot.TryParse(Encoding.ASCII.GetBytes(new string('x', 512)), out _));
        Assert.Equal(SlotError.MissingKey, VolumeSlot.TryParse(Padded("EOF\n"), out _));
        Assert.Equal(SlotError.NotText, VolumeSlot.TryParse([.. "CAP="u8, 0xff, .. "\n"u8, .. new byte[512]], out _));
    }

    [Theory]
    [InlineData("CAP=10737418240", "CAP=-1", SlotError.BadValue, "CAP")]
    [InlineData("CAP=10737418240", "CAP=9223372036854775807", SlotError.BadValue, "CAP")]
    [InlineData("CAP=10737418240", "CAP=99999999999999999999999", SlotError.BadValue, "CAP")]
    [InlineData("CAP=10737418240", "SIZE=1", SlotError.MissingKey, "CAP")]
    [InlineData("CAP=10737418240", "CAP=1\nCAP=2", SlotError.DuplicateKey, "CAP")]
    [InlineData("GEN=3", "GEN=1000", SlotError.BadValue, "GEN")]
    [InlineData("SEQ=7", "SEQ=4294967296", SlotError.BadValue, "SEQ")]
    [InlineData("FORMAT=COW", "FORMAT=QCOW2", SlotError.BadValue, "FORMAT")]
    [InlineData("FORMAT=COW", "FORMAT=1", SlotError.BadValue, "FORMAT")]
    [InlineData("LEGALITY=LEGAL", "LEGALITY=legal", SlotError.BadValue, "LEGALITY")]
    [InlineData("VOLTYPE=LEAF", "VOLTYPE=", SlotError.BadValue, "VOLTYPE")]
    [InlineData("IMAGE=cccccccc-0000-4000-8000-000000000001", "IMAGE={cccccccc-0000-4000-8000-000000000001}", SlotError.BadValue, "IMAGE")]
    [InlineData("SEQ=7", "SEQ", SlotError.NotText, "")]
    [InlineData("SEQ=7", "=7", SlotError.NotText, "")]
    [InlineData("SEQ=7", "SEQ=7\0", SlotError.NotText, "")]
    public void A_wrong_line_is_named(string line, string replacement, SlotError reason, string key)
    {
        var text = Encoding.UTF8.GetString(TextOf(Golden)).TrimEnd('\0').Replace(line, replacement);
        Assert.Equal(reason, VolumeSlot.TryParse(Padded(text), out var parsed, out var at));
        Assert.Equal(key, at);
        Assert.Null(parsed);
    }

    [Theory]
    [InlineData("two\nlines")]
    [InlineData("carriage\rreturn")]
    [InlineData("nul\0")]
    [InlineData(" blanks around ")]
    [InlineData("line\u2028separator")]
    [InlineData("next\u0085line")]
    public void A_description_that_would_not_read_back_is_refused(string description)
    {
        var text = new byte[512];
        Assert.Equal(SlotError.BadDescription, (Golden with { Description = description }).Write(text));
        Assert.Equal(new byte[512], text);
    }

    [Fact]
    public void A_description_may_have_210_characters_but_no_more_bytes_than_fit()
    {
        Assert.Equal(SlotError.None, (Golden with { Description = new string('x', 210) }).Write(new byte[512]));
        Assert.Equal(SlotError.BadDescription, (Golden with { Description = new string('x', 211) }).Write(new byte[512]));
        Assert.Equal(SlotError.TextTooLong, (Golden with { Description = new string('€', 210) }).Write(new byte[512]));
        Assert.Equal(SlotError.BadDescription, (Golden with { Description = "\ud800" }).Write(new byte[512]));
    }

    [Theory]
    [InlineData("""{"DiskAlias":"d1","DiskDescription":"x"}""", "d1")]
    [InlineData("""{"DiskAlias":""}""", null)]
    [InlineData("""{"DiskAlias":5}""", null)]
    [InlineData("""{"DiskAlias":"cut off in the mid""", null)]
    [InlineData("""{"DiskAlias":"\ud800"}""", null)]
    [InlineData("[1]", null)]
    [InlineData("a note", null)]
    [InlineData("", null)]
    public void The_alias_is_taken_out_of_a_description(string description, string? alias) => Assert.Equal(alias, DiskAlias.Of(description));

    [Fact]
    public void Any_alias_survives_being_put_into_a_description() =>
        Forall.Of(Forall.Line(60).Where(text => text.Length > 0), alias => Assert.Equal(alias, DiskAlias.Of(DiskAlias.Describe(alias))));

    internal static readonly FsCheck.Gen<VolumeSlot> AnySlot =
        from numbers in Forall.BytesOf(24)
        from description in Forall.Line(60)
        from image in Forall.Uuid
        from parent in Forall.Uuid
        from format in Gen.Elements(Enum.GetValues<VolumeFormat>())
        from legality in Gen.Elements(Enum.GetValues<VolumeLegality>())
        from role in Gen.Elements(Enum.GetValues<VolumeRole>())
        from allocation in Gen.Elements(Enum.GetValues<VolumeAllocation>())
        select new VolumeSlot
        {
            CapacityBytes = BitConverter.ToInt64(numbers) & ((1L << 58) - 1),
            CreatedUnixSeconds = BitConverter.ToUInt32(numbers, 8),
            Generation = BitConverter.ToUInt16(numbers, 12) % 1000,
            Sequence = BitConverter.ToUInt32(numbers, 16),
            Description = description,
            Domain = Golden.Domain,
            Image = image,
            Parent = parent,
            Format = format,
            Legality = legality,
            Role = role,
            Allocation = allocation,
        };

    [Fact]
    public void Every_slot_reads_back_as_it_was_written() =>
        Forall.Of(AnySlot, slot =>
        {
            Assert.Equal(SlotError.None, VolumeSlot.TryParse(TextOf(slot), out var parsed));
            Assert.Equal(slot, parsed);
        });

    [Fact]
    public void No_bytes_whatever_break_the_parser()
    {
        Forall.Of(Forall.BytesOf(512), bytes => Assert.NotEqual(SlotError.None, VolumeSlot.TryParse(bytes, out _)));
        Forall.Of(Forall.Bytes, bytes => VolumeSlot.TryParse(bytes, out _));
        var golden = TextOf(Golden);
        Forall.Of(
            from at in Gen.Choose(0, 511)
            from value in Gen.Choose(0, 255)
            from cut in Gen.Choose(0, 600)
            select (at, value, cut),
            mutation =>
            {
                var bytes = golden.ToArray();
                bytes[mutation.at] = (byte)mutation.value;
                bytes.AsSpan(Math.Min(mutation.cut, 512)).Clear();
                if (VolumeSlot.TryParse(bytes, out var parsed) == SlotError.None)
                {
                    // What is believed can be written again and says the same.
                    Assert.Equal(SlotError.None, VolumeSlot.TryParse(TextOf(parsed!), out var again));
                    Assert.Equal(parsed, again);
                }
            }, 5000);
    }
}
