using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace OvirtSpm.Volumes.Xleases;

/// <summary>The first 512 bytes of the index.</summary>
/// <remarks>
/// <code>
///  0 i32 big endian, 0x12152016    4 zero    5 "0001"    9 zero    10 lockspace, 48 bytes    58 zero
/// 59 seconds since 1970, 10 digits    69 zero    70 'u' while the whole index is rewritten, '-' otherwise    71 zeros    511 newline
/// </code>
/// </remarks>
public sealed record XleasesHeader(string Lockspace, long ModifiedSeconds, bool IsUpdating)
{
    private const int Magic = 0x12152016;
    private const int VersionOffset = 5, LockspaceOffset = 10, LockspaceBytes = 48, ModifiedOffset = 59, ModifiedDigits = 10, UpdatingOffset = 70;
    private const long LargestTime = 9_999_999_999;

    /// <param name="bytes">512 bytes.</param>
    /// <param name="lockspace">The domain's; the index of another one is refused.</param>
    /// <param name="header">Null unless the result is None or <see cref="XleasesError.Updating"/>.</param>
    public static XleasesError TryParse(ReadOnlySpan<byte> bytes, string lockspace, out XleasesHeader? header)
    {
        header = null;
        bytes = bytes[..XleasesLayout.HeaderBytes];
        if (!bytes.ContainsAnyExcept((byte)0))
        {
            return XleasesError.Empty;
        }

        if (BinaryPrimitives.ReadInt32BigEndian(bytes) != Magic)
        {
            return XleasesError.WrongMagic;
        }

        if (!bytes.Slice(VersionOffset, 4).SequenceEqual("0001"u8))
        {
            return XleasesError.WrongVersion;
        }

        if (XleasesText.Read(bytes.Slice(LockspaceOffset, LockspaceBytes)) is not { } name
            || !long.TryParse(bytes.Slice(ModifiedOffset, ModifiedDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var modified))
        {
            return XleasesError.Malformed;
        }

        if (name != lockspace)
        {
            return XleasesError.WrongLockspace;
        }

        header = new XleasesHeader(name, modified, bytes[UpdatingOffset] == (byte)'u');
        return header.IsUpdating ? XleasesError.Updating : XleasesError.None;
    }

    /// <exception cref="ArgumentException">The lockspace does not fit.</exception>
    public void Format(Span<byte> target)
    {
        target = target[..XleasesLayout.HeaderBytes];
        target.Clear();
        BinaryPrimitives.WriteInt32BigEndian(target, Magic);
        "0001"u8.CopyTo(target[VersionOffset..]);
        XleasesText.Write(Lockspace, target.Slice(LockspaceOffset, LockspaceBytes));
        var digits = Math.Clamp(ModifiedSeconds, 0, LargestTime).ToString("d10", CultureInfo.InvariantCulture);
        Encoding.ASCII.GetBytes(digits, target[ModifiedOffset..]);
        target[UpdatingOffset] = (byte)(IsUpdating ? 'u' : '-');
        target[^1] = (byte)'\n';
    }
}
