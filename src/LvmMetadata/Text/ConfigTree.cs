using System.Text;

namespace OvirtSpm.LvmMetadata.Text;

/// <summary>A parsed text: its bytes, untouched, and an index of what stands where.</summary>
internal sealed class ConfigTree : IDisposable
{
    public const int Root = 0;

    private ConfigNode[] nodes;

    private ConfigTree(ReadOnlyMemory<byte> source, ConfigNode[] nodes)
    {
        Source = source;
        this.nodes = nodes;
    }

    /// <summary>Up to the first NUL.</summary>
    public ReadOnlyMemory<byte> Source { get; }

    public static ConfigError? TryParse(ReadOnlyMemory<byte> text, out ConfigTree? tree)
    {
        var nul = text.Span.IndexOf((byte)0);
        text = nul < 0 ? text : text[..nul];
        var nodes = new ConfigParser(text.Span).Parse(out var at, out var reason);
        tree = nodes is null ? null : new ConfigTree(text, nodes);
        return nodes is null ? new ConfigError(at, text.Span[..at].Count((byte)'\n') + 1, reason) : null;
    }

    /// <summary>Gives the index back; ten thousand volumes need 15 MB of it for a few milliseconds. The bytes stay.</summary>
    public void Dispose()
    {
        ConfigParser.Return(nodes);
        nodes = [];
    }

    public ref readonly ConfigNode this[int node] => ref nodes[node];

    public ReadOnlySpan<byte> Name(int node) => Source.Span.Slice(nodes[node].Name, nodes[node].NameLength);

    public string NameText(int node) => Encoding.UTF8.GetString(Name(node));

    /// <summary>The bytes from the end of the element before it to its own end.</summary>
    public ReadOnlyMemory<byte> Whole(int node) => Source[nodes[node].Lead..nodes[node].End];

    public bool IsSection(int node) => nodes[node].Kind == ConfigNodeKind.Section;

    /// <summary>Where the last child of a section ended: what follows belongs to its closing brace.</summary>
    public int EndOfChildren(int section)
    {
        var end = section == Root ? 0 : nodes[section].Body;
        for (var child = nodes[section].FirstChild; child != 0; child = nodes[child].Next)
        {
            end = nodes[child].End;
        }
        return end;
    }

    /// <summary>The first child of that name; 0 when there is none.</summary>
    public int Find(int section, ReadOnlySpan<byte> name)
    {
        for (var child = nodes[section].FirstChild; child != 0; child = nodes[child].Next)
        {
            if (Name(child).SequenceEqual(name))
            {
                return child;
            }
        }
        return 0;
    }

    /// <summary>As <see cref="Find"/>, where that is a section; else 0.</summary>
    public int FindSection(int section, ReadOnlySpan<byte> name) => Find(section, name) is var found && IsSection(found) ? found : 0;

    public int CountOf(int section, ReadOnlySpan<byte> name)
    {
        var found = 0;
        for (var child = nodes[section].FirstChild; child != 0; child = nodes[child].Next)
        {
            found += Name(child).SequenceEqual(name) ? 1 : 0;
        }
        return found;
    }

    /// <summary>The integer of <c>key = 7</c> or <c>key = [7]</c>; a leading zero means octal, as lvm2 reads it.</summary>
    public bool TryInteger(int entry, out long value)
    {
        value = 0;
        return entry != 0 && !IsSection(entry) && TryScalarInteger(nodes[entry].FirstChild, out value);
    }

    public bool TryScalarInteger(int scalar, out long value)
    {
        value = 0;
        if (scalar == 0 || nodes[scalar].Kind != ConfigNodeKind.Integer)
        {
            return false;
        }
        var digits = Name(scalar);
        var negative = digits[0] == (byte)'-';
        digits = digits[0] is (byte)'-' or (byte)'+' ? digits[1..] : digits;
        var radix = digits.Length > 1 && digits[0] == (byte)'0' ? 8 : 10;
        foreach (var digit in digits)
        {
            var d = digit - (byte)'0';
            if (d >= radix || value > (long.MaxValue - d) / radix)
            {
                return false;
            }
            value = (value * radix) + d;
        }
        value = negative ? -value : value;
        return digits.Length > 0;
    }

    /// <summary>The string of <c>key = "x"</c> or <c>key = ["x"]</c>.</summary>
    public bool TryString(int entry, out string value)
    {
        value = "";
        return entry != 0 && !IsSection(entry) && TryScalarString(nodes[entry].FirstChild, out value);
    }

    public bool TryScalarString(int scalar, out string value)
    {
        value = "";
        if (scalar == 0 || nodes[scalar].Kind is not (ConfigNodeKind.Quoted or ConfigNodeKind.Plain))
        {
            return false;
        }
        var raw = Name(scalar);
        value = nodes[scalar].Kind == ConfigNodeKind.Quoted && raw.Contains((byte)'\\') ? Unescape(raw) : Encoding.UTF8.GetString(raw);
        return true;
    }

    private static string Unescape(ReadOnlySpan<byte> raw)
    {
        var plain = new List<byte>(raw.Length);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] == (byte)'\\' && i + 1 < raw.Length && raw[i + 1] is (byte)'\\' or (byte)'"')
            {
                i++;
            }
            plain.Add(raw[i]);
        }
        return Encoding.UTF8.GetString([.. plain]);
    }
}
