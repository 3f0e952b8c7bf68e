using System.Buffers.Binary;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>A physical volume's, volume group's or logical volume's identity: 32 characters of <c>0-9A-Za-z!#</c>.</summary>
/// <remarks>
/// In texts written with hyphens in groups of 6-4-4-4-4-4-6, in labels without. Kept as four big-endian words so that
/// ten thousand of them cost no object each and ordering is that of the characters.
/// </remarks>
public readonly record struct LvmUuid : IComparable<LvmUuid>
{
    public const int Length = 32;
    public const int HyphenatedLength = 38;

    private const string Alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    private readonly ulong first, second, third, fourth;

    private LvmUuid(ReadOnlySpan<byte> characters)
    {
        first = BinaryPrimitives.ReadUInt64BigEndian(characters);
        second = BinaryPrimitives.ReadUInt64BigEndian(characters[8..]);
        third = BinaryPrimitives.ReadUInt64BigEndian(characters[16..]);
        fourth = BinaryPrimitives.ReadUInt64BigEndian(characters[24..]);
    }

    /// <summary>Makes an identity of 32 random bytes; the caller owns the randomness.</summary>
    /// <exception cref="ArgumentException">Not exactly 32 bytes.</exception>
    public static LvmUuid FromRandomBytes(ReadOnlySpan<byte> random)
    {
        if (random.Length != Length)
        {
            throw new ArgumentException($"an LVM uuid is made of {Length} random bytes, not {random.Length}", nameof(random));
        }
        Span<byte> characters = stackalloc byte[Length];
        for (var i = 0; i < Length; i++)
        {
            characters[i] = (byte)Alphabet[random[i] % Alphabet.Length];
        }
        return new LvmUuid(characters);
    }

    /// <summary>Accepts both spellings, with hyphens at their places or without any.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out LvmUuid uuid)
    {
        Span<byte> bytes = stackalloc byte[HyphenatedLength];
        uuid = default;
        if (text.Length > HyphenatedLength)
        {
            return false;
        }
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] > 127)
            {
                return false;
            }
            bytes[i] = (byte)text[i];
        }
        return TryParse(bytes[..text.Length], out uuid);
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, out LvmUuid)"/>
    public static bool TryParse(ReadOnlySpan<byte> ascii, out LvmUuid uuid)
    {
        uuid = default;
        if (ascii.Length is not (Length or HyphenatedLength))
        {
            return false;
        }
        Span<byte> characters = stackalloc byte[Length];
        var hyphenated = ascii.Length == HyphenatedLength;
        var next = 0;
        for (var i = 0; i < ascii.Length; i++)
        {
            if (hyphenated && IsHyphenPlace(i))
            {
                if (ascii[i] != (byte)'-')
                {
                    return false;
                }
                continue;
            }
            if (!char.IsAsciiLetterOrDigit((char)ascii[i]) && ascii[i] is not ((byte)'!' or (byte)'#'))
            {
                return false;
            }
            characters[next++] = ascii[i];
        }
        uuid = new LvmUuid(characters);
        return true;
    }

    /// <summary>All zero: no identity. A parsed one never is.</summary>
    public bool IsEmpty => first == 0;

    /// <summary>The label's spelling, 32 characters.</summary>
    public string Compact => string.Create(Length, this, static (span, uuid) => uuid.CopyCompact(span));

    /// <summary>The text's spelling, 6-4-4-4-4-4-6.</summary>
    public override string ToString() => string.Create(HyphenatedLength, this, static (span, uuid) =>
    {
        Span<char> compact = stackalloc char[Length];
        uuid.CopyCompact(compact);
        var next = 0;
        for (var i = 0; i < HyphenatedLength; i++)
        {
            span[i] = IsHyphenPlace(i) ? '-' : compact[next++];
        }
    });

    public void WriteCompact(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, first);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], second);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], third);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], fourth);
    }

    public int CompareTo(LvmUuid other)
    {
        var order = first.CompareTo(other.first);
        order = order != 0 ? order : second.CompareTo(other.second);
        order = order != 0 ? order : third.CompareTo(other.third);
        return order != 0 ? order : fourth.CompareTo(other.fourth);
    }

    private static bool IsHyphenPlace(int index) => index is 6 or 11 or 16 or 21 or 26 or 31;

    private void CopyCompact(Span<char> destination)
    {
        Span<byte> bytes = stackalloc byte[Length];
        WriteCompact(bytes);
        for (var i = 0; i < Length; i++)
        {
            destination[i] = (char)bytes[i];
        }
    }
}
