namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>The requests of one connection that have begun and not been answered: bounded in number and in bytes.</summary>
internal sealed class NbdInFlight(int requestsMax, long bytesMax)
{
    readonly Lock guard = new();
    readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    TaskCompletionSource? room;
    int requests;
    long bytes;
    bool closed;

    /// <summary>Completes when the connection is closed and the last request has ended.</summary>
    public Task Drained => drained.Task;

    /// <summary>Takes a place, waiting for one. Only the connection's reader calls this.</summary>
    /// <returns>False once closed: what still comes from this client is not begun.</returns>
    public async ValueTask<bool> TryEnterAsync(long lengthBytes)
    {
        while (true)
        {
            Task wait;
            lock (guard)
            {
                if (closed)
                {
                    return false;
                }

                if (requests < requestsMax && (bytes + lengthBytes <= bytesMax || bytes == 0))
                {
                    requests++;
                    bytes += lengthBytes;
                    return true;
                }

                room = new(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = room.Task;
            }

            await wait;
        }
    }

    public void Leave(long lengthBytes)
    {
        lock (guard)
        {
            requests--;
            bytes -= lengthBytes;
            room?.TrySetResult();
            if (requests == 0 && closed)
            {
                drained.TrySetResult();
            }
        }
    }

    public void Close()
    {
        lock (guard)
        {
            closed = true;
            room?.TrySetResult();
            if (requests == 0)
            {
                drained.TrySetResult();
            }
        }
    }
}
