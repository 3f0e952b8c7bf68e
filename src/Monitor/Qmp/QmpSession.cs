using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;

namespace OvirtSpm.Monitor.Qmp;

/// <summary>One conversation with one QEMU: any number of commands at a time, events as they come.</summary>
/// <remarks>
/// Ends for good at the first thing that is wrong with the stream; <see cref="QmpConnection"/> opens the next one.
/// Replies are matched by id, so a slow command holds up no other.
/// </remarks>
public sealed class QmpSession : IAsyncDisposable
{
    private readonly Stream stream;
    private readonly QmpLimits limits;
    private readonly TimeProvider clock;
    private readonly QmpLineReader lines;
    private readonly Lock gate = new();
    private readonly Dictionary<long, (string Command, TaskCompletionSource<JsonElement> Reply)> open = [];
    private readonly SemaphoreSlim writing = new(1);
    private readonly CancellationTokenSource closing = new();
    private readonly Channel<QmpEvent> events;
    private QmpSessionException? ended;
    private Task reading = Task.CompletedTask;
    private long lastId;

    private QmpSession(Stream stream, QmpLimits limits, TimeProvider clock)
    {
        (this.stream, this.limits, this.clock) = (stream, limits, clock);
        lines = new QmpLineReader(stream, limits.MessageBytes);
        events = Channel.CreateBounded<QmpEvent>(new BoundedChannelOptions(limits.WaitingEvents)
        {
            AllowSynchronousContinuations = true,
            SingleWriter = true,
        });
    }

    /// <summary>QEMU's version, for people.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Completes when the session has ended; its exception says why.</summary>
    public ChannelReader<QmpEvent> Events => events.Reader;

    /// <summary>Takes the stream over: reads the greeting and negotiates capabilities.</summary>
    /// <exception cref="QmpSessionException">No QMP monitor, or one that already serves somebody else (QEMU then stays silent).</exception>
    public static async ValueTask<QmpSession> OpenAsync(Stream stream, QmpLimits limits, TimeProvider clock, CancellationToken stop)
    {
        var session = new QmpSession(stream, limits, clock);
        try
        {
            await session.GreetAsync(stop);
            session.reading = session.ReadAsync();
            await session.ExecuteAsync("qmp_capabilities", null, stop);
            return session;
        }
        catch (QmpCommandException refused)
        {
            await session.DisposeAsync();
            throw new QmpSessionException(refused.Message, refused);
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <param name="arguments">Writes the members of the arguments object; null for none.</param>
    /// <returns>The reply's value.</returns>
    /// <exception cref="QmpCommandException">QEMU refused; class and description inside.</exception>
    /// <exception cref="QmpSessionException">The session is over, or no reply came in time.</exception>
    public async ValueTask<JsonElement> ExecuteAsync(string command, Action<Utf8JsonWriter>? arguments, CancellationToken stop)
    {
        var (id, reply) = Register(command);
        try
        {
            using var timeout = new CancellationTokenSource(limits.CommandTimeout, clock);
            using var stopping = stop.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), timeout);
            await SendAsync(Format(command, id, arguments), timeout.Token);
            return await reply.WaitAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new QmpSessionException(Ended?.Message
                ?? $"QEMU did not answer '{command}' within {limits.CommandTimeout.TotalSeconds:0.#} s; its main loop is held up");
        }
        finally
        {
            lock (gate)
                open.Remove(id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        End("closed by us", null);
        await reading;
        await stream.DisposeAsync();
    }

    private QmpSessionException? Ended
    {
        get { lock (gate) return ended; }
    }

    private (long Id, Task<JsonElement> Reply) Register(string command)
    {
        lock (gate)
        {
            if (ended is { } end)
                throw new QmpSessionException(end.Message, end);
            if (open.Count >= limits.OpenCommands)
                throw new QmpSessionException($"{open.Count} QMP commands wait for QEMU; '{command}' was not sent");
            var reply = new TaskCompletionSource<JsonElement>();
            open.Add(++lastId, (command, reply));
            return (lastId, reply.Task);
        }
    }

    private static ReadOnlyMemory<byte> Format(string command, long id, Action<Utf8JsonWriter>? arguments)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("execute", command);
            json.WriteNumber("id", id);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                arguments(json);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        return line.WrittenMemory;
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> line, CancellationToken stop)
    {
        await writing.WaitAsync(stop);
        try
        {
            stop.ThrowIfCancellationRequested();
            await stream.WriteAsync(line, stop);
            await stream.FlushAsync(stop);
        }
        // Half a command may be out, and whatever came after it would be read as its second half.
        catch (OperationCanceledException error) when (Ended is null && error.CancellationToken == stop)
        {
            End("QEMU did not take a command in time; its main loop is held up", error);
            throw;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            End($"the connection to QEMU broke: {error.Message}", error);
            throw Ended!;
        }
        finally
        {
            writing.Release();
        }
    }

    private async ValueTask GreetAsync(CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(limits.GreetingTimeout, clock);
        using var stopping = stop.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), timeout);
        try
        {
            while (true)
            {
                if (await lines.ReadAsync(timeout.Token) is not { } line)
                    throw new QmpSessionException("QEMU closed the connection before its greeting");
                switch (QmpParser.Parse(line, 0))
                {
                    case QmpMessage.Greeting greeting:
                        Version = greeting.Version;
                        return;
                    case QmpMessage.Event:
                        // Seen with QEMU 7.2: something happened while the client connected, and the event overtook the greeting.
                        // Whatever it told, the first look at the guest tells, too.
                        continue;
                    case QmpMessage.Garbage garbage:
                        throw new QmpSessionException(garbage.Reason);
                    case var other:
                        throw new QmpSessionException($"the first message is a {other.GetType().Name}, not QEMU's greeting");
                }
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new QmpSessionException($"no greeting within {limits.GreetingTimeout.TotalSeconds:0.#} s; "
                + "a QMP socket serves one client at a time: is another one connected?");
        }
        catch (IOException error) when (error is not QmpSessionException)
        {
            throw new QmpSessionException($"the connection to QEMU broke before its greeting: {error.Message}", error);
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await lines.ReadAsync(closing.Token) is { } line)
                if (!Take(QmpParser.Parse(line, clock.GetTimestamp())))
                    return;
            End("QEMU closed the connection", null);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException)
        {
            End(error is QmpSessionException ? error.Message : $"the connection to QEMU broke: {error.Message}", error);
        }
    }

    private bool Take(QmpMessage message)
    {
        switch (message)
        {
            case QmpMessage.Event happened:
                if (events.Writer.TryWrite(happened.Value))
                    return true;
                End($"{limits.WaitingEvents} events wait unread", null);
                return false;
            case QmpMessage.Return { Id: { } id } reply:
                Answer(id)?.Reply.TrySetResult(reply.Value);
                return true;
            case QmpMessage.Error { Id: { } id } error when Answer(id) is { } asked:
                asked.Reply.TrySetException(new QmpCommandException(asked.Command, error.ErrorClass, error.Description));
                return true;
            // An error without an id answers a line QEMU could not read: ours was garbled, nothing after it can be trusted.
            case QmpMessage.Error { Id: null } error:
                End($"QEMU could not read what we sent: {error.Description}", null);
                return false;
            case QmpMessage.Garbage garbage:
                End(garbage.Reason, null);
                return false;
            default:
                return true; // a late reply to a command nobody waits for any more, a second greeting
        }
    }

    private (string Command, TaskCompletionSource<JsonElement> Reply)? Answer(long id)
    {
        lock (gate)
            return open.Remove(id, out var asked) ? asked : null;
    }

    private void End(string reason, Exception? cause)
    {
        List<TaskCompletionSource<JsonElement>> waiting;
        lock (gate)
        {
            if (ended is not null)
                return;
            ended = new QmpSessionException(reason, cause);
            waiting = [.. open.Values.Select(asked => asked.Reply)];
            open.Clear();
        }
        closing.Cancel();
        events.Writer.TryComplete(ended);
        foreach (var reply in waiting)
            reply.TrySetException(new QmpSessionException(reason, cause));
    }
}
