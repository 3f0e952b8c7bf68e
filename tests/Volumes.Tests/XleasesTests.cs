using System.Text;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Volumes.Tests;

/// The expected bytes are oVirt's: struct ">i x 4s x 48s x 10s x c 440x c" for the header, "48s x 11s x 3c" for a record.
public class XleasesTests
{
    private const string Lockspace = "0d0d0d0d-1111-2222-3333-444444444444";
    private static readonly byte[] Header = Joined(
        [0x12, 0x15, 0x20, 0x16, 0, .. "0001"u8, 0], Padded(Lockspace, 48), [0, .. "1700000000"u8, 0, (byte)'-'], new byte[440], [(byte)'\n']);

    [Fact]
    public void The_header_has_oVirts_bytes()
    {
        var bytes = new byte[512];
        new XleasesHeader(Lockspace, 1_700_000_000, IsUpdating: false).Format(bytes);
        Assert.Equal(Header, bytes);
        Assert.Equal(XleasesError.None, XleasesHeader.TryParse(Header, Lockspace, out var read));
        Assert.Equal(new XleasesHeader(Lockspace, 1_700_000_000, false), read);
    }

    [Theory]
    [InlineData("", 0, false, "--", "00000000000")]
    [InlineData("b4d8c8a2-5b1e-4c5a-8f5e-0a1b2c3d4e5f", 3145728, false, "--", "00003145728")]
    [InlineData("web.db_1", 1073741824, true, "u-", "01073741824")]
    public void A_record_has_oVirts_bytes(string name, long offset, bool updating, string flags, string digits)
    {
        var expected = Joined(Padded(name, 48), [0], Encoding.ASCII.GetBytes(digits), [0], Encoding.ASCII.GetBytes(flags + "\n"));
        Assert.Equal(64, expected.Length);
        var bytes = new byte[64];
        new XleasesRecord(name, offset, updating).Format(bytes);
        Assert.Equal(expected, bytes);
        Assert.Equal((XleasesError.None, new XleasesRecord(name, offset, updating)), (XleasesRecord.TryParse(bytes, out var read), read));
    }

    [Fact]
    public void The_numbers_are_oVirts() => Assert.Equal(
        (253_952, 3960, 1 << 20, 3 << 20, 1021, 0, 3960),
        (XleasesLayout.IndexBytes, XleasesLayout.Records, (int)XleasesLayout.IndexOffsetBytes, (int)XleasesLayout.LeaseOffsetBytes(0),
            XleasesLayout.Capacity(1 << 30), XleasesLayout.Capacity(0), XleasesLayout.Capacity(1L << 40)));

    [Theory]
    [InlineData(0, 0x13, XleasesError.WrongMagic)]
    [InlineData(8, '2', XleasesError.WrongVersion)]
    [InlineData(10, 'x', XleasesError.WrongLockspace)]
    [InlineData(12, ' ', XleasesError.Malformed)]
    [InlineData(60, 'x', XleasesError.Malformed)]
    [InlineData(70, 'u', XleasesError.Updating)]
    public void A_header_that_is_not_this_domains_is_told_apart(int at, int value, XleasesError expected)
    {
        var bytes = Header.ToArray();
        bytes[at] = (byte)value;
        Assert.Equal(expected, XleasesHeader.TryParse(bytes, Lockspace, out _));
    }

    [Fact]
    public void Nothing_but_zeros_is_an_index_that_was_never_made() =>
        Assert.Equal((XleasesError.Empty, XleasesError.Empty), (XleasesHeader.TryParse(new byte[512], Lockspace, out _), XleasesRecord.TryParse(new byte[64], out _)));

    [Fact]
    public void Random_bytes_are_never_believed_and_never_throw()
    {
        var random = new Random(1);
        var bytes = new byte[512];
        for (var i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            Assert.NotEqual(XleasesError.None, XleasesHeader.TryParse(bytes, Lockspace, out _));
            Assert.NotEqual(XleasesError.None, XleasesRecord.TryParse(bytes, out _));
        }
    }

    [Fact]
    public void Names_are_found_free_records_are_given_in_order_and_one_sector_changes()
    {
        var image = XleasesIndex.Build(Lockspace, 7, new Dictionary<int, XleasesRecord> { [0] = XleasesRecord.Of("a", 0), [2] = XleasesRecord.Of("b", 2) });
        Assert.Equal(XleasesError.Updating, XleasesIndex.Read(image, Lockspace).Error);
        image[70] = (byte)'-';
        var index = XleasesIndex.Read(image, Lockspace);
        Assert.Equal((XleasesError.None, 2, null, 1), (index.Error, index.Find("b"), index.Find("B"), index.FindFree(1021)));

        var before = image.ToArray();
        var (offset, sector) = index.With(1, XleasesRecord.Of("c", 1), 512);
        Assert.Equal((512, 512), (offset, sector.Length));
        Assert.Equal(before[512..576], sector[..64]);
        Assert.Equal(before[640..1024], sector[128..]);
        Assert.Equal((1, 3), (index.Find("c"), index.FindFree(1021)));
        Assert.Null(index.FindFree(3));
        Assert.Equal((0, 4096), (index.With(9, XleasesRecord.Free, 4096).OffsetBytes, index.With(9, XleasesRecord.Free, 4096).Sector.Length));
    }

    [Theory]
    [InlineData("with blank")]
    [InlineData("ümlaut")]
    [InlineData("1234567890123456789012345678901234567890123456789")]
    public void A_name_that_does_not_fit_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => new XleasesRecord(name, 0, false).Format(new byte[64]));

    private static byte[] Padded(string text, int length)
    {
        var bytes = new byte[length];
        Encoding.ASCII.GetBytes(text, bytes);
        return bytes;
    }

    private static byte[] Joined(params byte[][] parts) => [.. parts.SelectMany(part => part)];
}
