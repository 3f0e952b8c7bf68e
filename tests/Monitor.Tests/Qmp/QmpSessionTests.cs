using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Tests.Doubles;

namespace OvirtSpm.Monitor.Tests.Qmp;

public class QmpSessionTests
{
    private readonly TestClock clock = new();
    private readonly QmpServerDouble server = new();

    [Fact]
    public async Task Greets_negotiates_and_executes()
    {
        server.Answer = (command, _) => command == "query-status" ? """{"status": "running"}""" : "{}";
        await using var session = await OpenAsync();
        Assert.Equal("7.2.22 (Debian 1:7.2)", session.Version);
        Assert.Equal("running", (await session.ExecuteAsync("query-status", null, default)).GetProperty("status").GetString());
        Assert.Equal(["qmp_capabilities", "query-status"], server.Commands);
    }

    /// QEMU 7.2 does this when something happens while the client connects.
    [Fact]
    public async Task An_event_that_overtakes_the_greeting_does_not_end_the_session()
    {
        server.SendsGreeting = false;
        var stream = await server.ConnectAsync(default);
        server.Event("NIC_RX_FILTER_CHANGED", "{}");
        server.Send(QmpServerDouble.Greeting);
        await using var session = await QmpSession.OpenAsync(stream, QmpLimits.Default, TimeProvider.System, default);
        Assert.Equal("7.2.22 (Debian 1:7.2)", session.Version);
    }

    [Fact]
    public async Task Replies_out_of_order_reach_who_asked()
    {
        server.Answer = (_, _) => null;
        await using var session = await OpenAsync();
        var first = session.ExecuteAsync("a", null, default);
        var second = session.ExecuteAsync("b", null, default);
        server.Send($$"""{"return": "second", "id": {{server.LastId}}}""");
        Assert.Equal("second", (await second).GetString());
        Assert.False(first.IsCompleted);
        server.Send($$"""{"return": "first", "id": {{server.LastId - 1}}}""");
        Assert.Equal("first", (await first).GetString());
    }

    [Fact]
    public async Task A_refused_command_names_class_and_description_and_the_session_goes_on()
    {
        server.Answer = (command, _) => command == "bad" ? throw new QmpCommandException("bad", "CommandNotFound", "no such thing") : "{}";
        await using var session = await OpenAsync();
        var refused = await Assert.ThrowsAsync<QmpCommandException>(() => session.ExecuteAsync("bad", null, default).AsTask());
        Assert.Equal(("bad", "CommandNotFound", "no such thing"), (refused.Command, refused.ErrorClass, refused.Description));
        await session.ExecuteAsync("good", null, default);
    }

    [Fact]
    public async Task Arguments_are_escaped()
    {
        string? seen = null;
        server.Answer = (_, arguments) =>
        {
            seen = arguments.GetProperty("node-name").GetString();
            return "{}";
        };
        await using var session = await OpenAsync();
        await session.ExecuteAsync("x", json => json.WriteString("node-name", "a\"b\n}"), default);
        Assert.Equal("a\"b\n}", seen);
    }

    [Theory]
    [InlineData("garbage", "not JSON")]
    [InlineData("[]", "not an object")]
    [InlineData("""{"error": {"class": "GenericError", "desc": "JSON parse error"}}""", "could not read")]
    public async Task Garbage_ends_the_session_with_a_reason_and_fails_what_is_open(string line, string reason)
    {
        server.Answer = (_, _) => null;
        await using var session = await OpenAsync();
        var open = session.ExecuteAsync("query-status", null, default);
        server.Send(line);
        Assert.Contains(reason, (await Assert.ThrowsAsync<QmpSessionException>(() => open.AsTask())).Message);
        Assert.Contains(reason, (await Assert.ThrowsAsync<QmpSessionException>(() => session.Events.Completion)).Message);
        Assert.Contains(reason, (await Assert.ThrowsAsync<QmpSessionException>(() => session.ExecuteAsync("later", null, default).AsTask())).Message);
    }

    [Fact]
    public async Task A_hangup_fails_what_is_open()
    {
        server.Answer = (_, _) => null;
        await using var session = await OpenAsync();
        var open = session.ExecuteAsync("query-status", null, default);
        server.Hangup();
        await Assert.ThrowsAsync<QmpSessionException>(() => open.AsTask());
    }

    [Fact]
    public async Task A_message_over_the_limit_ends_the_session()
    {
        await using var session = await OpenAsync(new QmpLimits { MessageBytes = 4096 });
        server.Send($$"""{"event": "X", "data": "{{new string('x', 5000)}}"}""");
        var ended = await Assert.ThrowsAsync<QmpSessionException>(() => session.ExecuteAsync("later", null, default).AsTask());
        Assert.Contains("longer than 4096 bytes", ended.Message);
    }

    [Fact]
    public async Task Events_nobody_reads_end_the_session_rather_than_get_lost()
    {
        await using var session = await OpenAsync(new QmpLimits { WaitingEvents = 3 });
        for (var i = 0; i < 4; i++)
            server.Event("STOP", "{}");
        var ended = await Assert.ThrowsAsync<QmpSessionException>(() => session.ExecuteAsync("later", null, default).AsTask());
        Assert.Contains("3 events wait unread", ended.Message);
    }

    [Fact]
    public async Task A_command_without_reply_fails_in_time_and_its_late_reply_harms_nothing()
    {
        server.Answer = (command, _) => command == "slow" ? null : "{}";
        await using var session = await OpenAsync();
        var slow = session.ExecuteAsync("slow", null, default);
        var id = server.LastId;
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Contains("did not answer 'slow' within 30 s", (await Assert.ThrowsAsync<QmpSessionException>(() => slow.AsTask())).Message);
        server.Send($$"""{"return": {}, "id": {{id}}}""");
        await session.ExecuteAsync("next", null, default);
    }

    [Fact]
    public async Task A_caller_that_stops_waiting_leaves_the_session_whole()
    {
        server.Answer = (command, _) => command == "slow" ? null : "{}";
        await using var session = await OpenAsync();
        using var stop = new CancellationTokenSource();
        var slow = session.ExecuteAsync("slow", null, stop.Token);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow.AsTask());
        await session.ExecuteAsync("next", null, default);
    }

    [Fact]
    public async Task A_silent_socket_is_told_in_time()
    {
        server.SendsGreeting = false;
        var opening = QmpSession.OpenAsync(await server.ConnectAsync(default), QmpLimits.Default, clock, default).AsTask();
        Assert.False(opening.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Contains("one client at a time", (await Assert.ThrowsAsync<QmpSessionException>(() => opening)).Message);
    }

    [Fact]
    public async Task A_server_of_another_protocol_is_refused()
    {
        server.SendsGreeting = false;
        var opening = QmpSession.OpenAsync(await server.ConnectAsync(default), QmpLimits.Default, clock, default).AsTask();
        server.Send("220 mail.example.org ESMTP");
        Assert.Contains("no QMP monitor", (await Assert.ThrowsAsync<QmpSessionException>(() => opening)).Message);
    }

    [Fact]
    public async Task Too_many_open_commands_are_refused_not_queued()
    {
        server.Answer = (_, _) => null;
        await using var session = await OpenAsync(new QmpLimits { OpenCommands = 2 });
        _ = session.ExecuteAsync("a", null, default).AsTask();
        _ = session.ExecuteAsync("b", null, default).AsTask();
        await Assert.ThrowsAsync<QmpSessionException>(() => session.ExecuteAsync("c", null, default).AsTask());
    }

    private async ValueTask<QmpSession> OpenAsync(QmpLimits? limits = null) =>
        await QmpSession.OpenAsync(await server.ConnectAsync(default), limits ?? QmpLimits.Default, clock, default);
}
