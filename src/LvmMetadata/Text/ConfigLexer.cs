namespace OvirtSpm.LvmMetadata.Text;

/// <summary>Cuts a text into the tokens of LVM's configuration language.</summary>
/// <remarks>
/// White space and <c>#</c> comments separate; <c>{ } [ ] , =</c> stand alone. In a value: double-quoted (<c>\"</c> and <c>\\</c>
/// are escapes), single-quoted, a number (sign, digits, one point), or a bare word ended by white space or <c># = { }</c>, so that
/// it swallows commas. Elsewhere: a name, ended likewise, or quoted. A NUL ends the text.
/// </remarks>
internal ref struct ConfigLexer(ReadOnlySpan<byte> text)
{
    private readonly ReadOnlySpan<byte> text = text;

    public int Position;

    /// <summary>Moves to the next character that means something; 0 at the end.</summary>
    public byte SkipTrivia()
    {
        while (Position < text.Length)
        {
            var c = text[Position];
            if (c == (byte)'#')
            {
                var end = text[Position..].IndexOf((byte)'\n');
                Position = end < 0 ? text.Length : Position + end;
            }
            else if (!IsSpace(c))
            {
                return c;
            }
            else
            {
                Position++;
            }
        }
        return 0;
    }

    /// <returns>What is wrong, or null.</returns>
    public string? ReadName(out int start, out int length)
    {
        if (Position < text.Length && text[Position] is (byte)'"' or (byte)'\'')
        {
            return ReadQuoted(out start, out length);
        }
        start = Position;
        SkipWord();
        length = Position - start;
        return length > 0 ? null : "a name is missing";
    }

    /// <returns>What is wrong, or null.</returns>
    public string? ReadScalar(out ConfigNodeKind kind, out int start, out int length)
    {
        var c = Position < text.Length ? text[Position] : (byte)0;
        if (c is (byte)'"' or (byte)'\'')
        {
            kind = c == (byte)'"' ? ConfigNodeKind.Quoted : ConfigNodeKind.Plain;
            return ReadQuoted(out start, out length);
        }
        start = Position;
        if (char.IsAsciiDigit((char)c) || c is (byte)'+' or (byte)'-' or (byte)'.')
        {
            kind = c == (byte)'.' ? ConfigNodeKind.Float : ConfigNodeKind.Integer;
            Position++;
            while (Position < text.Length && (char.IsAsciiDigit((char)text[Position]) || text[Position] == (byte)'.'))
            {
                if (text[Position] == (byte)'.')
                {
                    if (kind == ConfigNodeKind.Float)
                    {
                        break;
                    }
                    kind = ConfigNodeKind.Float;
                }
                Position++;
            }
            length = Position - start;
            return null;
        }
        kind = ConfigNodeKind.Plain;
        SkipWord();
        length = Position - start;
        return length > 0 ? null : "a value is missing";
    }

    private string? ReadQuoted(out int start, out int length)
    {
        var quote = text[Position++];
        start = Position;
        length = 0;
        while (Position < text.Length)
        {
            var c = text[Position];
            if (c == quote)
            {
                length = Position++ - start;
                return null;
            }
            Position += quote == (byte)'"' && c == (byte)'\\' && Position + 1 < text.Length ? 2 : 1;
        }
        Position = start - 1;
        return "a string is not closed";
    }

    private void SkipWord()
    {
        while (Position < text.Length && !IsSpace(text[Position]) && text[Position] is not ((byte)'#' or (byte)'=' or (byte)'{' or (byte)'}'))
        {
            Position++;
        }
    }

    private static bool IsSpace(byte c) => c is (byte)' ' or (>= 9 and <= 13);
}
