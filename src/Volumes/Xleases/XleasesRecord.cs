using System.Globalization;
using System.Text;

namespace OvirtSpm.Volumes.Xleases;

/// <summary>One line of the index: which lease lies in the area that belongs to this record.</summary>
/// <param name="Name">Of the lease; empty: the area is free.</param>
/// <param name="OffsetBytes">For people: the place follows from the record's number.</param>
/// <param name="IsUpdating">A change of this lease was begun and did not end.</param>
/// <remarks><code>
///  0 name, 48 bytes    48 zero    49 offset, 11 digits    60 zero    61 'u' or '-'    62 '-'    63 newline
/// </code></remarks>
public sealed record XleasesRecord(string Name, long OffsetBytes, bool IsUpdating)
{
    public const int NameBytes = 48;
    private const int OffsetOffset = 49, OffsetDigits = 11, UpdatingOffset = 61;

    public static XleasesRecord Free { get; } = new("", 0, false);

    public bool IsFree => Name.Length == 0;

    public static XleasesRecord Of(string name, int number) => new(name, XleasesLayout.LeaseOffsetBytes(number), false);

    /// <summary>Keeps the place of a lease whose own name cannot stand here: nobody finds it, and nobody is given its place.</summary>
    public static XleasesRecord Keeping(int number) => new($"?{number}", XleasesLayout.LeaseOffsetBytes(number), IsUpdating: true);

    public static bool CanName(string name) => name.Length > 0 && XleasesText.Fits(name, NameBytes);

    public static XleasesError TryParse(ReadOnlySpan<byte> bytes, out XleasesRecord? record)
    {
        record = null;
        bytes = bytes[..XleasesLayout.RecordBytes];
        if (!bytes.ContainsAnyExcept((byte)0))
        {
            return XleasesError.Empty;
        }

        if (XleasesText.Read(bytes[..NameBytes]) is not { } name
            || !long.TryParse(bytes.Slice(OffsetOffset, OffsetDigits), NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            || bytes[UpdatingOffset] is not ((byte)'u' or (byte)'-') || bytes[^1] != (byte)'\n')
        {
            return XleasesError.Malformed;
        }

        record = new XleasesRecord(name, offset, bytes[UpdatingOffset] == (byte)'u');
        return XleasesError.None;
    }

    /// <exception cref="ArgumentException">The name does not fit.</exception>
    public void Format(Span<byte> target)
    {
        target = target[..XleasesLayout.RecordBytes];
        target.Clear();
        XleasesText.Write(Name, target[..NameBytes]);
        Encoding.ASCII.GetBytes(OffsetBytes.ToString("d11", CultureInfo.InvariantCulture), target[OffsetOffset..]);
        target[UpdatingOffset] = (byte)(IsUpdating ? 'u' : '-');
        target[UpdatingOffset + 1] = (byte)'-';
        target[^1] = (byte)'\n';
    }
}
