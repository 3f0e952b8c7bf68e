using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public sealed class DBusMessageTests
{
    static readonly DBusMessage Full = new(DBusMessage.Signal, 7)
    {
        Path = "/org/freedesktop/login1", Interface = "org.freedesktop.login1.Manager", Member = "PrepareForSleep", ErrorName = "a.b", ReplyTo = 3,
        Destination = ":1.5", Signature = "ss", Descriptors = 1, Body = DBusMessage.Strings("größer", "delay"),
    };

    [Fact]
    public void What_is_formatted_is_parsed_and_only_when_it_is_whole()
    {
        var bytes = Full.Format();
        for (var cut = 0; cut < bytes.Length; cut++)
        {
            Assert.Null(DBusMessage.Parse(bytes.AsSpan(0, cut), out _));
        }
        var parsed = DBusMessage.Parse([.. bytes, 1, 2, 3], out var length)!;
        Assert.Equal(bytes.Length, length);
        Assert.Equal(Full.Body, parsed.Body);
        Assert.Equal(Full with { Body = [] }, parsed with { Body = [] });
        Assert.Equal("größer", (parsed with { Signature = "s", Body = DBusMessage.Strings("größer") }).Text);
    }

    /// Whoever may talk on the bus must not be able to end a node.
    [Fact]
    public void Damaged_bytes_are_refused_or_parsed_and_nothing_else()
    {
        var random = new Random(26);
        var whole = Full.Format();
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = whole.ToArray();
            for (var hits = random.Next(1, 6); hits > 0; hits--)
            {
                bytes[random.Next(bytes.Length)] = (byte)(random.Next(4) == 0 ? 255 : random.Next(256));
            }
            try
            {
                if (DBusMessage.Parse(bytes, out var length) is { } parsed)
                {
                    Assert.InRange(length, 16, bytes.Length);
                    _ = parsed.Text;
                }
            }
            catch (IOException)
            {
                // Refused.
            }
        }
    }
}
