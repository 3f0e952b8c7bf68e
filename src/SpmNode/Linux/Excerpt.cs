namespace OvirtSpm.Node.Linux;

/// <summary>A piece of foreign text that is safe to show in a message.</summary>
internal static class Excerpt
{
    const int LengthMax = 40;

    public static string Of(string text)
    {
        var shown = string.Create(Math.Min(text.Length, LengthMax), text, (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = char.IsControl(from[i]) ? '?' : from[i];
            }
        });
        return text.Length > LengthMax ? shown + "…" : shown;
    }
}
