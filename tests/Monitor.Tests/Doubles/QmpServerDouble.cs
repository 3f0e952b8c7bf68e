using System.Text;
using System.Text.Json;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>Speaks QMP's bytes as QEMU 7.2 does: greeting, one JSON value per line ended by CR LF, replies by id.</summary>
internal sealed class QmpServerDouble : IQmpTransport
{
    public const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2"}, "capabilities": ["oob"]}}""";

    private InMemoryDuplex? connection;

    public string Name => "double";

    public int Connects { get; private set; }

    /// <summary>Whether somebody answers at all.</summary>
    public bool Listening { get; set; } = true;

    public bool SendsGreeting { get; set; } = true;

    /// <summary>Command name and arguments → the reply's value, or null to stay silent. Throw <see cref="QmpCommandException"/> to refuse.</summary>
    public Func<string, JsonElement, string?> Answer { get; set; } = (_, _) => "{}";

    public List<string> Commands { get; } = [];

    public long LastId { get; private set; }

    public ValueTask<Stream> ConnectAsync(CancellationToken stop)
    {
        Connects++;
        if (!Listening)
            throw new IOException("connection refused; start the guest");
        connection = new InMemoryDuplex();
        _ = ServeAsync(connection);
        return new(connection.Client);
    }

    public void Send(string line) => SendBytes(Encoding.UTF8.GetBytes(line + "\r\n"));

    public void SendBytes(byte[] bytes)
    {
        if (connection is { } open)
            open.Server.WriteAsync(bytes).AsTask().GetAwaiter().GetResult();
    }

    public void Event(string name, string data) =>
        Send($$"""{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "{{name}}", "data": {{data}}}""");

    public void Hangup()
    {
        var gone = connection;
        connection = null;
        gone?.Server.Dispose();
    }

    private async Task ServeAsync(InMemoryDuplex mine)
    {
        if (SendsGreeting)
            Send(Greeting);
        var reader = new QmpLineReader(mine.Server, 1 << 20);
        while (connection == mine && await reader.ReadAsync(default) is { } line)
        {
            using var command = JsonDocument.Parse(line);
            var (name, id) = (command.RootElement.GetProperty("execute").GetString()!, command.RootElement.GetProperty("id").GetInt64());
            LastId = id;
            Commands.Add(name);
            var arguments = command.RootElement.TryGetProperty("arguments", out var given) ? given.Clone() : default;
            try
            {
                if ((name == "qmp_capabilities" ? "{}" : Answer(name, arguments)) is { } value)
                    Send($$"""{"return": {{value}}, "id": {{id}}}""");
            }
            catch (QmpCommandException refused)
            {
                Send($$"""{"id": {{id}}, "error": {"class": "{{refused.ErrorClass}}", "desc": "{{refused.Description}}"} }""");
            }
        }
    }
}
