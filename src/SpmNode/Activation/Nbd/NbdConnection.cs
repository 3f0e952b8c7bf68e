using System.Buffers;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>One client, from the handshake to its end.</summary>
/// <remarks>
/// Requests run side by side and are answered as they finish. The reader stops at a bound of requests and of bytes; both
/// are above what QEMU sends (16 requests), so that held writes do not stop its reads.
/// </remarks>
internal sealed class NbdConnection(Stream stream, INbdExport export, NbdServerOptions options, NbdOrphans orphans)
{
    readonly CancellationTokenSource gone = new();
    readonly NbdInFlight inFlight = new(options.RequestsMax, options.BytesMax);
    int abandoned;

    /// <summary>Completes when nothing of this client is under way any more.</summary>
    public Task Drained => inFlight.Drained;

    /// <exception cref="InvalidDataException">The client does not speak the protocol.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        using var stopping = stop.Register(Abandon);
        try
        {
            var session = await NegotiateAsync();
            if (session is not null)
            {
                var replies = new NbdReplies(stream, session);
                try
                {
                    await ServeAsync(session, replies);
                }
                catch (OperationCanceledException) when (stop.IsCancellationRequested)
                {
                    // This server ends, the client is still there.
                }
                Abandon();
                // What reached the device is answered if the client still listens; the stream is closed after that.
                await inFlight.Drained;
            }
        }
        catch (Exception problem) when (problem is EndOfStreamException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away, or this server does: nobody is left to tell.
        }
        finally
        {
            Abandon();
        }
    }

    /// <summary>Ends what has not reached the device, and begins nothing more for this client.</summary>
    public void Abandon()
    {
        if (Interlocked.Exchange(ref abandoned, 1) == 0)
        {
            inFlight.Close();
            orphans.Add(inFlight.Drained);
            gone.Cancel();
        }
    }

    async Task<NbdSession?> NegotiateAsync()
    {
        // A silent client would keep one of the few connections for ever.
        using var patience = new CancellationTokenSource(options.HandshakeLimit, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, gone.Token);
        await orphans.Returned.WaitAsync(either.Token);
        return await new NbdHandshake(stream, export).RunAsync(either.Token);
    }

    async Task ServeAsync(NbdSession session, NbdReplies replies)
    {
        var header = new byte[NbdRequest.SizeBytes];
        while (true)
        {
            await stream.ReadExactlyAsync(header, gone.Token);
            if (!NbdRequest.TryParse(header, out var request))
            {
                throw new InvalidDataException("A request does not begin with its magic number.");
            }

            if (request.Command == NbdCommand.Disconnect)
            {
                return;
            }

            var error = request.Check(export, session);
            if (request.Command == NbdCommand.Write && error != NbdError.None)
            {
                await NbdSkip.SkipAsync(stream, request.Length, gone.Token);
            }

            var carried = error == NbdError.None && request.Command is NbdCommand.Read or NbdCommand.Write ? request.Length : 0;
            if (!await inFlight.TryEnterAsync(carried))
            {
                return;
            }

            IMemoryOwner<byte>? buffer = null;
            try
            {
                buffer = carried > 0 && error == NbdError.None ? options.Memory.Rent((int)carried) : null;
                if (buffer is not null && request.Command == NbdCommand.Write)
                {
                    await stream.ReadExactlyAsync(buffer.Memory[..(int)carried], gone.Token);
                }
            }
            catch
            {
                buffer?.Dispose();
                inFlight.Leave(carried);
                throw;
            }

            _ = HandleAsync(request, error, buffer, carried, replies);
        }
    }

    async Task HandleAsync(NbdRequest request, NbdError error, IMemoryOwner<byte>? buffer, long carried, NbdReplies replies)
    {
        try
        {
            if (error == NbdError.None && request.Changes && orphans.Returned is { IsCompleted: false } left)
            {
                await left.WaitAsync(gone.Token);
            }

            if (error == NbdError.None && request.Command == NbdCommand.BlockStatus)
            {
                var extents = export.BlockStatus(
                    (long)request.Offset, request.Length, request.Flags.HasFlag(NbdCommandFlags.RequestOne) ? 1 : options.ExtentsMax);
                await replies.StatusAsync(request, extents);
                return;
            }

            var data = buffer is null ? default : buffer.Memory[..(int)carried];
            error = error == NbdError.None ? await PerformAsync(request, data) : error;
            await (error != NbdError.None ? replies.ErrorAsync(request, error)
                : request.Command == NbdCommand.Read ? replies.DataAsync(request, data)
                : replies.DoneAsync(request));
        }
        catch (Exception problem) when (problem is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone: it never learns, and will send again if it comes back.
            Abandon();
        }
        finally
        {
            buffer?.Dispose();
            inFlight.Leave(carried);
        }
    }

    async ValueTask<NbdError> PerformAsync(NbdRequest request, Memory<byte> data)
    {
        var offset = (long)request.Offset;
        var fua = request.Flags.HasFlag(NbdCommandFlags.ForceUnitAccess);
        try
        {
            return await (request.Command switch
            {
                NbdCommand.Read => export.ReadAsync(offset, data, gone.Token),
                NbdCommand.Write => export.WriteAsync(offset, data, fua, gone.Token),
                NbdCommand.Flush => export.FlushAsync(gone.Token),
                NbdCommand.Trim => export.TrimAsync(offset, request.Length, fua, gone.Token),
                _ => export.WriteZeroesAsync(offset, request.Length, request.Flags, gone.Token),
            });
        }
        catch (Exception problem) when (problem is not OperationCanceledException || !gone.IsCancellationRequested)
        {
            // Unexpected, and this request's alone: the guest gets an error instead of silence.
            options.Failed(export, problem);
            return NbdError.Io;
        }
    }
}
