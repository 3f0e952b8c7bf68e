using System.Runtime.CompilerServices;
using System.Text;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>A name of up to 48 bytes as it stands on disk; all 48 bytes are kept, so a record that is written back loses nothing.</summary>
/// <remarks>Zero padded, no terminator needed at 48 bytes. Two names mean the same if they agree up to the first zero byte.</remarks>
[InlineArray(SizeBytes)]
public struct LeaseName : IEquatable<LeaseName>
{
    public const int SizeBytes = 48;
    private byte first;

    /// <exception cref="ArgumentException">The name is empty, longer than 48 bytes of UTF-8, or holds a zero byte.</exception>
    public static LeaseName Of(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length is 0 or > SizeBytes || bytes.AsSpan().Contains((byte)0))
        {
            throw new ArgumentException($"'{text}' cannot be a lease name: 1 to {SizeBytes} bytes of UTF-8 without zero bytes are needed", nameof(text));
        }

        return FromBytes(bytes);
    }

    public static LeaseName FromBytes(ReadOnlySpan<byte> bytes)
    {
        LeaseName name = default;
        bytes.CopyTo(name);
        return name;
    }

    public readonly void CopyTo(Span<byte> target) => ((ReadOnlySpan<byte>)this).CopyTo(target);

    /// <summary>Same up to the first zero byte.</summary>
    public readonly bool Means(LeaseName other) => Used(this).SequenceEqual(Used(other));

    public readonly bool Equals(LeaseName other) => ((ReadOnlySpan<byte>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is LeaseName other && Equals(other);

    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(this);
        return hash.ToHashCode();
    }

    /// <summary>For people: control characters and bytes that are not UTF-8 are replaced.</summary>
    public override readonly string ToString()
    {
        var text = Encoding.UTF8.GetString(Used(this));
        return text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;
    }

    public static bool operator ==(LeaseName left, LeaseName right) => left.Equals(right);

    public static bool operator !=(LeaseName left, LeaseName right) => !left.Equals(right);

    private static ReadOnlySpan<byte> Used(in LeaseName name)
    {
        ReadOnlySpan<byte> all = name;
        var end = all.IndexOf((byte)0);
        return end < 0 ? all : all[..end];
    }
}
