using System.Text;

namespace OvirtSpm.Node.HostLvm;

/// <summary>Our lines in <c>lvmlocal.conf</c>, between two marks; everything else of the file is a person's and is not touched.</summary>
/// <param name="Before">Bytes ahead of it, as they were.</param>
/// <param name="Lines">Ours, marks included; empty when there is none.</param>
/// <param name="After">Bytes behind it.</param>
/// <param name="OwnsNewLine">The last line ahead of it had no end, and was given one.</param>
sealed record LocalBlock(string Before, IReadOnlyList<string> Lines, string After, bool OwnsNewLine)
{
    const string Begin = "# spm host setup: begin", End = "# spm host setup: end", Ours = " # spm", NoNewLine = " (the line before this one had no end)";

    /// <summary>The file without it.</summary>
    public string Rest => (OwnsNewLine ? Before[..^1] : Before) + After;

    /// <summary>Patterns that we put there.</summary>
    public IEnumerable<string> Patterns => Lines.Where(line => line.EndsWith(Ours, StringComparison.Ordinal)).Select(line => line.Trim().Split('"')[1]);

    public string Text => Before + string.Concat(Lines.Select(line => line + "\n")) + After;

    /// <exception cref="Refusal">Only one of the marks is there.</exception>
    public static LocalBlock Find(byte[]? file)
    {
        // Latin-1: every byte comes back as it was.
        var text = Encoding.Latin1.GetString(file ?? []);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 && end < 0)
        {
            return new LocalBlock(text, [], "", false);
        }
        var after = end < 0 ? -1 : text.IndexOf('\n', end) + 1;
        if (begin < 0 || end < begin || after == 0 || (begin > 0 && text[begin - 1] != '\n'))
        {
            throw Refusal.Conflict($"lvmlocal.conf: the lines between '{Begin}' and '{End}' were changed by hand. Take both marks and what is between them away, then ask again.");
        }
        var lines = text[begin..(after - 1)].Split('\n');
        return new LocalBlock(text[..begin], lines, text[after..], lines[0].EndsWith(NoNewLine, StringComparison.Ordinal));
    }

    /// <param name="others">Patterns that counted before: ours must not take them away.</param>
    public LocalBlock With(IEnumerable<string> ours, IReadOnlyList<string> others)
    {
        var owns = Lines.Count > 0 ? OwnsNewLine : Before.Length > 0 && !Before.EndsWith('\n');
        List<string> lines =
        [
            Begin + (owns ? NoNewLine : ""),
            "# lvm2 leaves these LUNs closed. 'spm host setup --undo' takes these lines away. Behind ours: what lvm.conf says itself.",
            "devices/global_filter = [",
            .. ours.Select(pattern => $"\t\"{pattern}\",{Ours}"),
            .. others.Select(pattern => $"\t\"{pattern.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\","),
            "]",
            End,
        ];
        var last = lines.FindLastIndex(line => line.StartsWith('\t'));
        lines[last] = lines[last].Replace("\",", "\"", StringComparison.Ordinal);
        return new LocalBlock(Lines.Count == 0 && owns ? Before + "\n" : Before, lines, After, owns);
    }
}
