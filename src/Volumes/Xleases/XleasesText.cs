using System.Text;

namespace OvirtSpm.Volumes.Xleases;

/// <summary>Names in the index: printable ASCII, padded with zeros.</summary>
internal static class XleasesText
{
    /// <returns>Null when it is no such name; empty for zeros.</returns>
    public static string? Read(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        var used = end < 0 ? field : field[..end];
        return used.ContainsAnyExceptInRange((byte)'!', (byte)'~') || field[used.Length..].ContainsAnyExcept((byte)0) ? null : Encoding.ASCII.GetString(used);
    }

    public static bool Fits(string name, int fieldBytes) => name.Length <= fieldBytes && !name.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <exception cref="ArgumentException">It does not fit, or is no such name.</exception>
    public static void Write(string name, Span<byte> field)
    {
        if (!Fits(name, field.Length))
        {
            throw new ArgumentException($"'{name}' cannot stand in the index: at most {field.Length} printable ASCII characters without blanks are needed", nameof(name));
        }

        field.Clear();
        Encoding.ASCII.GetBytes(name, field);
    }
}
