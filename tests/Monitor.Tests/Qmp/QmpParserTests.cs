using System.Text;
using FsCheck.Fluent;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Tests.Doubles;

namespace OvirtSpm.Monitor.Tests.Qmp;

public class QmpParserTests
{
    [Fact]
    public void Reads_what_QEMU_says()
    {
        var greeting = Assert.IsType<QmpMessage.Greeting>(Parse(QmpServerDouble.Greeting));
        Assert.Equal("7.2.22 (Debian 1:7.2)", greeting.Version);
        Assert.Equal(["oob"], greeting.Capabilities);

        var error = Assert.IsType<QmpMessage.Error>(Parse("""{"id": 3, "error": {"class": "GenericError", "desc": "Device 'nope' not found"}}"""));
        Assert.Equal((3L, "GenericError", "Device 'nope' not found"), (error.Id!.Value, error.ErrorClass, error.Description));

        var happened = Assert.IsType<QmpMessage.Event>(Parse("""
            {"timestamp": {"seconds": 1, "microseconds": 7}, "event": "BLOCK_WRITE_THRESHOLD", "data": {"node-name": "n", "write-threshold": 2097152, "amount-exceeded": 2424832}}
            """)).Value;
        Assert.Equal(("BLOCK_WRITE_THRESHOLD", 99L), (happened.Name, happened.ArrivedTimestamp));
        Assert.Equal(2424832, happened.Data.GetProperty("amount-exceeded").GetInt64());

        Assert.Equal(7, Assert.IsType<QmpMessage.Return>(Parse("""{"return": {}, "id": 7}""")).Id);
        Assert.Null(Assert.IsType<QmpMessage.Return>(Parse("""{"return": {}, "id": {"a": 1}}""")).Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("SSH-2.0-OpenSSH_9.2p1")]
    [InlineData("""{"event": 3}""")]
    [InlineData("""{"error": "text"}""")]
    public void Tells_garbage_with_a_reason(string line) =>
        Assert.NotEmpty(Assert.IsType<QmpMessage.Garbage>(Parse(line)).Reason);

    [Fact]
    public void A_lone_surrogate_in_a_name_is_no_crash() =>
        Assert.IsType<QmpMessage.Garbage>(Parse("""{"event": "\ud800"}"""));

    [Fact]
    public void Never_throws_whatever_the_bytes() =>
        Holds.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => Assert.NotNull(QmpParser.Parse(bytes, 0)));

    [Fact]
    public void Never_throws_on_messages_with_some_bytes_changed() => Holds.ForAll(
        from message in Gen.Elements(
            QmpServerDouble.Greeting, """{"return": {"status": "running"}, "id": 12}""",
            """{"id": 3, "error": {"class": "GenericError", "desc": "no\u00e9"}}""",
            """{"timestamp": {"seconds": 1}, "event": "BLOCK_IO_ERROR", "data": {"nospace": true, "node-name": "g"}}""")
        from changes in Gen.Choose(0, 255).Two().ArrayOf().Resize(6)
        select (message, changes),
        sample =>
        {
            var bytes = Encoding.UTF8.GetBytes(sample.message);
            foreach (var (at, value) in sample.changes)
                bytes[at % bytes.Length] = (byte)value;
            Assert.NotNull(QmpParser.Parse(bytes, 0));
        }, tests: 3000);

    private static QmpMessage Parse(string line) => QmpParser.Parse(Encoding.UTF8.GetBytes(line), 99);
}
