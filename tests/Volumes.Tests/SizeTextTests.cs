using FsCheck.Fluent;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Tests;

public class SizeTextTests
{
    private const long Limit = 8192L << 30;

    [Theory]
    [InlineData("8G", 8L << 30)]
    [InlineData("512M", 512L << 20)]
    [InlineData("1.5T", 3L << 39)]
    [InlineData("1048576", 1048576)]
    [InlineData("1", 1)]
    [InlineData("+1", 1)]
    [InlineData("4k", 4096)]
    [InlineData("4KiB", 4096)]
    [InlineData(" 8 GiB ", 8L << 30)]
    [InlineData("100B", 100)]
    [InlineData("0.0001K", 1)]
    [InlineData("8192G", 8192L << 30)]
    [InlineData("8T", 8L << 40)]
    [InlineData("1.0", 1)]
    public void A_size_is_read_as_it_is_meant(string text, long bytes)
    {
        Assert.Equal(SizeError.None, SizeText.TryParse(text, Limit, out var parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData(null, SizeError.Empty)]
    [InlineData("", SizeError.Empty)]
    [InlineData("   ", SizeError.Empty)]
    [InlineData("0", SizeError.Zero)]
    [InlineData("0G", SizeError.Zero)]
    [InlineData("0.0T", SizeError.Zero)]
    [InlineData("-0", SizeError.Negative)]
    [InlineData("-1", SizeError.Negative)]
    [InlineData("-8G", SizeError.Negative)]
    [InlineData("G", SizeError.NotANumber)]
    [InlineData("eight", SizeError.NotANumber)]
    [InlineData("1.2.3G", SizeError.NotANumber)]
    [InlineData("--1", SizeError.NotANumber)]
    [InlineData("1-", SizeError.NotANumber)]
    [InlineData(".", SizeError.NotANumber)]
    [InlineData("1e3", SizeError.UnknownUnit)]
    [InlineData("0x10", SizeError.UnknownUnit)]
    [InlineData("1,5G", SizeError.UnknownUnit)]
    [InlineData("8GB", SizeError.UnknownUnit)]
    [InlineData("8P", SizeError.UnknownUnit)]
    [InlineData("8G8", SizeError.UnknownUnit)]
    [InlineData("1 2", SizeError.UnknownUnit)]
    [InlineData("NaN", SizeError.NotANumber)]
    [InlineData("∞", SizeError.NotANumber)]
    [InlineData("٣G", SizeError.NotANumber)]
    [InlineData("1.5", SizeError.NotWholeBytes)]
    [InlineData("0.5", SizeError.NotWholeBytes)]
    [InlineData("8193G", SizeError.TooLarge)]
    [InlineData("8796093022209", SizeError.TooLarge)]
    [InlineData("9223372036854775808", SizeError.TooLarge)]
    [InlineData("9999999999999999999999999999T", SizeError.TooLarge)]
    [InlineData("99999999999999999999999999999999", SizeError.NotANumber)]
    [InlineData("000000000000000000000000000000000000001", SizeError.NotANumber)]
    public void What_is_no_size_is_refused_with_its_reason(string? text, SizeError reason)
    {
        Assert.Equal(reason, SizeText.TryParse(text, Limit, out var parsed));
        Assert.Equal(0, parsed);
        var explained = SizeText.Explain(reason, text, Limit);
        Assert.True(explained.Length > 20, explained);
    }

    [Fact]
    public void The_largest_size_is_allowed_and_one_byte_more_is_not()
    {
        Assert.Equal(SizeError.None, SizeText.TryParse(Limit.ToString(), Limit, out var bytes));
        Assert.Equal(Limit, bytes);
        Assert.Equal(SizeError.TooLarge, SizeText.TryParse((Limit + 1).ToString(), Limit, out _));
        Assert.Equal(SizeError.None, SizeText.TryParse(long.MaxValue.ToString(), long.MaxValue, out bytes));
        Assert.Equal(long.MaxValue, bytes);
    }

    [Fact]
    public void A_refused_text_is_quoted_shortened_and_the_limit_is_named()
    {
        Assert.Contains("8 TiB", SizeText.Explain(SizeError.TooLarge, new string('9', 5000), Limit));
        Assert.True(SizeText.Explain(SizeError.NotANumber, new string('x', 5000), Limit).Length < 200);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(128L << 20, "128 MiB")]
    [InlineData((8L << 30) - 1, "7.99 GiB")]
    [InlineData(8L << 30, "8 GiB")]
    [InlineData(5000L << 40, "5000 TiB")]
    [InlineData(long.MinValue, "-8388608 TiB")]
    public void Sizes_are_shown_in_the_largest_fitting_unit_and_never_rounded_up(long bytes, string text) =>
        Assert.Equal(text, SizeText.Format(bytes));

    [Fact]
    public void Any_number_of_bytes_reads_back_as_itself() =>
        Forall.Of(Forall.Number.Select(number => (long)(number % (ulong)Limit) + 1), bytes =>
        {
            Assert.Equal(SizeError.None, SizeText.TryParse(bytes.ToString(), Limit, out var parsed));
            Assert.Equal(bytes, parsed);
        });

    [Fact]
    public void No_text_whatever_breaks_the_parser() =>
        Forall.Of(Gen.Elements("0123456789.+-eEkKmMgGtTiIbB _,xN€\0".ToCharArray()).ArrayOf(), letters =>
        {
            var text = new string(letters);
            var error = SizeText.TryParse(text, Limit, out var bytes);
            Assert.Equal(error == SizeError.None, bytes is > 0 and <= Limit);
            Assert.Equal(error == SizeError.None, SizeText.Explain(error, text, Limit).Length == 0);
        }, 5000);
}
