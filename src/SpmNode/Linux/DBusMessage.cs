using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Node.Linux;

/// <summary>One D-Bus message, as far as logind's sleep inhibitor needs them.</summary>
/// <remarks>
/// Little endian; a field's value is aligned to its size, a field and the body to 8.
/// <code>
///  0 'l'   1 type   2 flags   3 version (1)   4 u32 body bytes   8 u32 serial   12 u32 bytes of fields   16 fields   body
/// field: code, signature (u8 length, text, 0), value. 1 path o, 2 interface s, 3 member s, 4 error s, 5 reply to u,
///        6 destination s, 7 sender s, 8 signature of the body g, 9 descriptors u
/// o, s: u32 length, UTF-8, 0      g: u8 length, text, 0      u: u32
/// </code>
/// Source: D-Bus specification 0.42, "Message Protocol".
/// </remarks>
sealed record DBusMessage(byte Type, uint Serial)
{
    public const byte Call = 1, Return = 2, Error = 3, Signal = 4;

    /// <summary>Nobody sends this client anything long.</summary>
    public const int MostBytes = 64 << 10;

    const int FieldsAt = 16;

    public string? Path { get; init; }

    public string? Interface { get; init; }

    public string? Member { get; init; }

    public string? ErrorName { get; init; }

    public uint ReplyTo { get; init; }

    public string? Destination { get; init; }

    public string? Sender { get; init; }

    public string? Signature { get; init; }

    /// <summary>How many file descriptors came, or go, with it.</summary>
    public uint Descriptors { get; init; }

    public byte[] Body { get; init; } = [];

    /// <summary>The body of an error begins with a text for people.</summary>
    public string Text => Signature?.StartsWith('s') == true && Body.Length > 4 ? Encoding.UTF8.GetString(Body.AsSpan(4)).TrimEnd('\0') : ErrorName ?? "";

    /// <summary>A body of strings.</summary>
    public static byte[] Strings(params IEnumerable<string> texts)
    {
        var body = new List<byte>();
        foreach (var text in texts)
        {
            AddText(body, text);
        }
        return [.. body];
    }

    public byte[] Format()
    {
        List<byte> bytes = [(byte)'l', Type, 0, 1];
        AddNumber(bytes, (uint)Body.Length);
        AddNumber(bytes, Serial);
        AddNumber(bytes, 0);
        AddField(bytes, 1, 'o', Path);
        AddField(bytes, 2, 's', Interface);
        AddField(bytes, 3, 's', Member);
        AddField(bytes, 4, 's', ErrorName);
        AddField(bytes, 5, 'u', number: ReplyTo);
        AddField(bytes, 6, 's', Destination);
        AddField(bytes, 8, 'g', Signature);
        AddField(bytes, 9, 'u', number: Descriptors);
        var fields = (uint)(bytes.Count - FieldsAt);
        Align(bytes, 8);
        byte[] whole = [.. bytes, .. Body];
        BinaryPrimitives.WriteUInt32LittleEndian(whole.AsSpan(12), fields);
        return whole;
    }

    /// <returns>Null: there is more to come.</returns>
    /// <exception cref="IOException">Not a message, or too long.</exception>
    public static DBusMessage? Parse(ReadOnlySpan<byte> bytes, out int length)
    {
        length = 0;
        if (bytes.Length < FieldsAt)
        {
            return null;
        }
        var body = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        var fields = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (bytes[0] != 'l' || bytes[3] != 1 || body > MostBytes || fields > MostBytes || Aligned(FieldsAt + (int)fields, 8) + body > MostBytes)
        {
            throw new IOException("what the bus sent is no D-Bus message of this machine's byte order, or a very long one");
        }
        var bodyAt = Aligned(FieldsAt + (int)fields, 8);
        if (bytes.Length < bodyAt + body)
        {
            return null;
        }
        length = bodyAt + (int)body;
        var message = new DBusMessage(bytes[1], BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])) { Body = bytes[bodyAt..length].ToArray() };
        try
        {
            var header = bytes[..(FieldsAt + (int)fields)];
            for (var at = FieldsAt; at < header.Length; at = Aligned(at, 8))
            {
                message = message.With(header, ref at);
            }
            return message;
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new IOException("a field in the header of a D-Bus message reaches beyond its end");
        }
    }

    DBusMessage With(ReadOnlySpan<byte> header, ref int at)
    {
        var code = header.Slice(at, 1)[0];
        var type = header.Slice(at + 1, 3) is [1, var letter, 0] ? (char)letter : '?';
        var valueAt = at + 4;
        var lengthBytes = type == 'g' ? 1 : 4;
        var number = type == 'g' ? header.Slice(valueAt, 1)[0] : BinaryPrimitives.ReadUInt32LittleEndian(header.Slice(valueAt, 4));
        if (type is not ('o' or 's' or 'g' or 'u') || number > MostBytes && type != 'u')
        {
            throw new IOException($"field {code} in the header of a D-Bus message is of a type that no field has");
        }
        var text = type == 'u' ? "" : Encoding.UTF8.GetString(header.Slice(valueAt + lengthBytes, (int)number));
        at = valueAt + lengthBytes + (type == 'u' ? 0 : (int)number + 1);
        return (code, type) switch
        {
            (1, 'o') => this with { Path = text },
            (2, 's') => this with { Interface = text },
            (3, 's') => this with { Member = text },
            (4, 's') => this with { ErrorName = text },
            (5, 'u') => this with { ReplyTo = number },
            (6, 's') => this with { Destination = text },
            (7, 's') => this with { Sender = text },
            (8, 'g') => this with { Signature = text },
            (9, 'u') => this with { Descriptors = number },
            _ => this,
        };
    }

    static void AddField(List<byte> bytes, byte code, char type, string? text = null, uint number = 0)
    {
        if (text is null && number == 0)
        {
            return;
        }
        Align(bytes, 8);
        bytes.AddRange([code, 1, (byte)type, 0]);
        if (type == 'u')
        {
            AddNumber(bytes, number);
        }
        else if (type == 'g')
        {
            bytes.AddRange([(byte)text!.Length, .. Encoding.ASCII.GetBytes(text), 0]);
        }
        else
        {
            AddText(bytes, text!);
        }
    }

    static void AddText(List<byte> bytes, string text)
    {
        Align(bytes, 4);
        var utf8 = Encoding.UTF8.GetBytes(text);
        AddNumber(bytes, (uint)utf8.Length);
        bytes.AddRange([.. utf8, 0]);
    }

    static void AddNumber(List<byte> bytes, uint number)
    {
        Span<byte> four = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(four, number);
        bytes.AddRange(four);
    }

    static void Align(List<byte> bytes, int to) => bytes.AddRange(new byte[Aligned(bytes.Count, to) - bytes.Count]);

    static int Aligned(int at, int to) => (at + to - 1) / to * to;
}
