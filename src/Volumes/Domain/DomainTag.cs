using System.Globalization;
using System.Text;

namespace OvirtSpm.Volumes.Domain;

/// <summary>A key and a value as one tag of the volume group: <c>MDT_KEY=VALUE</c>.</summary>
/// <remarks>
/// Characters outside <c>[a-zA-Z0-9_+.\-/=!:#]</c> are written as <c>&amp;decimal code point&amp;</c>, since LVM allows few characters in a tag:
/// <c>my disk, {a:b}</c> is <c>my&amp;32&amp;disk&amp;44&amp;&amp;32&amp;&amp;123&amp;a:b&amp;125&amp;</c>. Source: oVirt's block domain (measured).
/// </remarks>
public static class DomainTag
{
    public const string Prefix = "MDT_";

    /// <summary>The tag of a volume group that is being made into a domain.</summary>
    public const string Unready = "RHAT_storage_domain_UNREADY";

    /// <summary>The tag of a finished domain. Replacing <see cref="Unready"/> by it, in one commit, is the last step of creation.</summary>
    public const string Ready = "RHAT_storage_domain";

    private const string Plain = "_+.-/=!:#";

    public static string Of(string key, string value) => Prefix + Encode(key + "=" + value);

    /// <returns>False when the tag is not of the form <c>MDT_KEY=VALUE</c> or has an escape that is not one.</returns>
    public static bool TryParse(string tag, out string key, out string value)
    {
        key = value = "";
        if (!tag.StartsWith(Prefix, StringComparison.Ordinal) || !TryDecode(tag.AsSpan(Prefix.Length), out var text))
        {
            return false;
        }

        var equals = text.IndexOf('=');
        if (equals <= 0)
        {
            return false;
        }

        key = text[..equals];
        value = text[(equals + 1)..];
        return true;
    }

    public static string Encode(string text)
    {
        var tag = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || Plain.Contains((char)rune.Value)))
            {
                tag.Append((char)rune.Value);
            }
            else
            {
                tag.Append('&').Append(rune.Value.ToString(CultureInfo.InvariantCulture)).Append('&');
            }
        }

        return tag.ToString();
    }

    /// <returns>False for an escape that is not closed, not a number or no character.</returns>
    public static bool TryDecode(ReadOnlySpan<char> tag, out string text)
    {
        text = "";
        var decoded = new StringBuilder(tag.Length);
        while (!tag.IsEmpty)
        {
            if (tag[0] != '&')
            {
                decoded.Append(tag[0]);
                tag = tag[1..];
                continue;
            }

            var length = tag[1..].IndexOf('&');
            if (length <= 0
                || !int.TryParse(tag.Slice(1, length), NumberStyles.None, CultureInfo.InvariantCulture, out var code)
                || !Rune.IsValid(code))
            {
                return false;
            }

            decoded.Append(new Rune(code).ToString());
            tag = tag[(length + 2)..];
        }

        text = decoded.ToString();
        return true;
    }
}
