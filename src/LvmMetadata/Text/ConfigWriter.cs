using System.Buffers.Text;
using System.Text;

namespace OvirtSpm.LvmMetadata.Text;

/// <summary>Writes the language as lvm2 writes it to disk: no indentation, LF, one space around the equals sign.</summary>
internal sealed class ConfigWriter
{
    private byte[] buffer = new byte[512];
    private int length;

    public ReadOnlySpan<byte> Written => buffer.AsSpan(0, length);

    public byte[] ToArray() => Written.ToArray();

    public ConfigWriter Raw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        length += bytes.Length;
        return this;
    }

    public ConfigWriter Raw(string text)
    {
        length += Encoding.UTF8.GetBytes(text, Reserve(Encoding.UTF8.GetMaxByteCount(text.Length)));
        return this;
    }

    public ConfigWriter Number(long value)
    {
        Utf8Formatter.TryFormat(value, Reserve(20), out var written);
        length += written;
        return this;
    }

    /// <summary>In double quotes, with quotes and backslashes escaped.</summary>
    public ConfigWriter Quoted(string text)
    {
        Raw("\""u8);
        Raw(text.AsSpan().IndexOfAny('"', '\\') < 0 ? text : text.Replace("\\", "\\\\").Replace("\"", "\\\""));
        return Raw("\""u8);
    }

    /// <summary><c>["a", "b"]</c></summary>
    public ConfigWriter QuotedList(IEnumerable<string> texts)
    {
        Raw("["u8);
        var first = true;
        foreach (var text in texts)
        {
            Raw(first ? ""u8 : ", "u8);
            Quoted(text);
            first = false;
        }
        return Raw("]"u8);
    }

    private Span<byte> Reserve(int bytes)
    {
        if (length + bytes > buffer.Length)
        {
            Array.Resize(ref buffer, Math.Max(buffer.Length * 2, length + bytes));
        }
        return buffer.AsSpan(length);
    }
}
