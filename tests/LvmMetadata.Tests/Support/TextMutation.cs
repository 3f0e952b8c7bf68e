namespace LvmMetadata.Tests.Support;

/// <summary>What happens to a text: bytes overwritten, cut out and repeated; whole lines moved, so that keys and sections stand where nobody expects them.</summary>
public static class TextMutation
{
    private const byte NewLine = (byte)'\n';

    /// <summary>One to five such changes.</summary>
    public static byte[] Of(byte[] text, Random random)
    {
        text = [.. text];
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            text = Once(text, random);
            text = text.Length == 0 ? [0] : text;
        }
        return text;
    }

    private static byte[] Once(byte[] text, Random random)
    {
        var at = random.Next(text.Length);
        switch (random.Next(7))
        {
            case 0:
                text[at] = (byte)random.Next(256);
                return text;
            case 1:
                text[at] = (byte)"{}[]=,\"'#0-9\n"[random.Next(13)];
                return text;
            case 2:
                return [.. text[..at], .. text[(at + random.Next(text.Length - at))..]];
            case 3:
                return [.. text[..at], .. text[random.Next(at + 1)..]];
            case 4:
                var (start, end) = Lines(text, random);
                return [.. text[..start], .. text[end..]];
            case 5:
                (start, end) = Lines(text, random);
                return Copied(text, start, end, LineStart(text, random));
            default:
                start = LineStart(text, random);
                return Copied(text, start, LineStartFrom(text, start), LineStart(text, random));
        }
    }

    private static byte[] Copied(byte[] text, int start, int end, int to) => [.. text[..to], .. text[start..end], .. text[to..]];

    private static (int Start, int End) Lines(byte[] text, Random random)
    {
        var (one, other) = (LineStart(text, random), LineStart(text, random));
        return one < other ? (one, other) : (other, one);
    }

    private static int LineStart(byte[] text, Random random) => LineStartFrom(text, random.Next(text.Length));

    private static int LineStartFrom(byte[] text, int from) =>
        text.AsSpan(from).IndexOf(NewLine) is var next and >= 0 ? from + next + 1 : text.Length;
}
