using System.Runtime.CompilerServices;

namespace OvirtSpm.Monitor.Qmp;

/// <summary>Keeps a monitor connected: one session after the other, with growing pauses while nothing answers.</summary>
public sealed class QmpConnection(IQmpTransport transport, QmpLimits limits, BackOff backOff, TimeProvider clock)
{
    /// <summary>Why there is no session now, for people; empty while there is one.</summary>
    public string Trouble { get; private set; } = "not connected yet";

    /// <summary>Raised when <see cref="Trouble"/> changed; must not block.</summary>
    public event Action? Changed;

    /// <summary>Each session is the caller's until it asks for the next one. Ends only when stopped.</summary>
    public async IAsyncEnumerable<QmpSession> SessionsAsync([EnumeratorCancellation] CancellationToken stop)
    {
        var failures = 0;
        while (!stop.IsCancellationRequested)
        {
            if (await TryOpenAsync(stop) is { } session)
            {
                var opened = clock.GetTimestamp();
                await using (session)
                    yield return session;
                // A QEMU that greets and hangs up at once must not be called in a tight loop.
                failures = clock.GetElapsedTime(opened) < backOff.Longest ? failures + 1 : 1;
                Report("the session ended; connecting again");
            }
            else
            {
                failures++;
            }
            try
            {
                await Task.Delay(backOff.After(failures), clock, stop);
            }
            catch (OperationCanceledException)
            {
                yield break;
            }
        }
    }

    private async ValueTask<QmpSession?> TryOpenAsync(CancellationToken stop)
    {
        try
        {
            var stream = await transport.ConnectAsync(stop);
            var session = await QmpSession.OpenAsync(stream, limits, clock, stop);
            Report("");
            return session;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            Report($"{transport.Name}: {error.Message}");
            return null;
        }
    }

    private void Report(string trouble)
    {
        Trouble = trouble;
        Changed?.Invoke();
    }
}
