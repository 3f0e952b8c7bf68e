using System.Buffers;

namespace OvirtSpm.LvmMetadata.Text;

/// <summary>Text to node array, in one pass.</summary>
/// <remarks><c>section := name '{' item* '}'   item := section | name '=' value   value := scalar | '[' (scalar ','?)* ']'</c></remarks>
internal ref struct ConfigParser(ReadOnlySpan<byte> text)
{
    /// <summary>lvm2 nests four deep; a hostile text must not exhaust the stack.</summary>
    private const int MaxDepth = 32;

    private ConfigLexer lexer = new(text);
    private ConfigNode[] nodes = ArrayPool<ConfigNode>.Shared.Rent(Math.Max(16, text.Length / 12));
    private int count = 1;
    private string? error;

    /// <returns>Null, and where and why in <paramref name="at"/> and <paramref name="reason"/>, when this is not such a text.</returns>
    public ConfigNode[]? Parse(out int at, out string reason)
    {
        nodes[0] = new ConfigNode { Kind = ConfigNodeKind.Section };
        ParseItems(0, 0);
        at = lexer.Position;
        reason = error ?? "";
        if (error is null)
        {
            return nodes;
        }
        Return(nodes);
        return null;
    }

    public static void Return(ConfigNode[] nodes)
    {
        if (nodes.Length > 0)
        {
            ArrayPool<ConfigNode>.Shared.Return(nodes);
        }
    }

    private void ParseItems(int parent, int depth)
    {
        var previous = 0;
        while (error is null)
        {
            var lead = lexer.Position;
            var c = lexer.SkipTrivia();
            if (c == 0 || c == (byte)'}')
            {
                Finish(parent, c);
                return;
            }
            var node = Add(lead);
            if (previous == 0)
            {
                nodes[parent].FirstChild = node;
            }
            else
            {
                nodes[previous].Next = node;
            }
            previous = node;
            error = lexer.ReadName(out nodes[node].Name, out nodes[node].NameLength);
            if (error is null)
            {
                ParseItemBody(node, depth);
            }
        }
    }

    private void Finish(int parent, byte c)
    {
        if (parent == 0 && c != 0)
        {
            error = "a closing brace without an opening one";
            return;
        }
        if (parent != 0 && c == 0)
        {
            error = "a section is not closed";
            return;
        }
        nodes[parent].Close = lexer.Position;
        lexer.Position += parent == 0 ? 0 : 1;
        nodes[parent].End = lexer.Position;
    }

    private void ParseItemBody(int node, int depth)
    {
        switch (lexer.SkipTrivia())
        {
            case (byte)'{' when depth >= MaxDepth:
                error = $"sections are nested more than {MaxDepth} deep";
                break;
            case (byte)'{':
                lexer.Position++;
                nodes[node].Kind = ConfigNodeKind.Section;
                nodes[node].Body = lexer.Position;
                ParseItems(node, depth + 1);
                break;
            case (byte)'=':
                lexer.Position++;
                ParseValue(node);
                break;
            default:
                error = "a name is followed by neither '=' nor '{'";
                break;
        }
    }

    private void ParseValue(int entry)
    {
        var c = lexer.SkipTrivia();
        nodes[entry].Body = lexer.Position;
        if (c != (byte)'[')
        {
            nodes[entry].Kind = ConfigNodeKind.Entry;
            // First the scalar, then the link: parsing may move the array.
            var scalar = ParseScalar();
            nodes[entry].FirstChild = scalar;
            nodes[entry].End = lexer.Position;
            return;
        }
        nodes[entry].Kind = ConfigNodeKind.ArrayEntry;
        lexer.Position++;
        var previous = 0;
        while (error is null)
        {
            c = lexer.SkipTrivia();
            switch (c)
            {
                case (byte)']':
                    nodes[entry].Close = lexer.Position++;
                    nodes[entry].End = lexer.Position;
                    return;
                case (byte)',':
                    lexer.Position++;
                    break;
                case 0:
                    error = "an array is not closed";
                    break;
                default:
                    var element = ParseScalar();
                    if (previous == 0)
                    {
                        nodes[entry].FirstChild = element;
                    }
                    else
                    {
                        nodes[previous].Next = element;
                    }
                    previous = element;
                    break;
            }
        }
    }

    private int ParseScalar()
    {
        var node = Add(lexer.Position);
        error = lexer.ReadScalar(out nodes[node].Kind, out nodes[node].Name, out nodes[node].NameLength);
        nodes[node].End = lexer.Position;
        return node;
    }

    private int Add(int lead)
    {
        if (count == nodes.Length)
        {
            var larger = ArrayPool<ConfigNode>.Shared.Rent(nodes.Length * 2);
            nodes.CopyTo(larger, 0);
            Return(nodes);
            nodes = larger;
        }
        nodes[count] = new ConfigNode { Lead = lead };
        return count++;
    }
}
