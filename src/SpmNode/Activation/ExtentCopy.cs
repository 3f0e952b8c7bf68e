using System.Security.Cryptography;

namespace OvirtSpm.Node.Activation;

/// <summary>Reads what a volume has at an offset; all of it, or it throws.</summary>
delegate Task ReadContent(long offsetBytes, Memory<byte> into);

/// <summary>Copies the bytes of a volume from elsewhere into some extents, as they are, and reads them back.</summary>
/// <remarks>R13: at most <see cref="PieceBytes"/> a step, each step asking. While a piece is written the next one is read.</remarks>
static class ExtentCopy
{
    public const int PieceBytes = 4 << 20;

    /// <param name="source">As long as <paramref name="target"/>.</param>
    /// <param name="mayGoOn">The target still is its SPM's to write. The source asks for itself.</param>
    /// <param name="done">Told the bytes of each step; altogether twice the length.</param>
    /// <exception cref="Refusal">It was ended, or what was read back is not what was written: the target must not be used.</exception>
    public static async Task RunAsync(
        string name, ReadContent source, IReadOnlyList<VolumeSegment> target, Func<bool> mayGoOn, Action<long> done, CancellationToken stop)
    {
        var pieces = Pieces(target);
        var written = new byte[pieces.Count][];
        var (buffer, next) = (new byte[PieceBytes], new byte[PieceBytes]);
        var reading = Ahead(0, buffer);
        try
        {
            foreach (var (index, piece) in pieces.Index())
            {
                await reading;
                reading = Ahead(index + 1, next);
                Check(name, mayGoOn, stop);
                written[index] = await WriteAsync(piece, Part(buffer, piece));
                done(piece.LengthBytes);
                (buffer, next) = (next, buffer);
            }
        }
        finally
        {
            // Its buffer must not be used by anybody while somebody may still fill it.
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        foreach (var device in pieces.Select(piece => piece.To).Distinct())
        {
            await device.FlushAsync();
        }
        foreach (var (index, piece) in pieces.Index())
        {
            Check(name, mayGoOn, stop);
            await piece.To.ReadAsync(piece.ToBytes, Part(buffer, piece));
            if (!Digest(Part(buffer, piece)).AsSpan().SequenceEqual(written[index]))
            {
                throw Refusal.Damaged($"volume {name} is not moved: {piece.To.Name} gives back other bytes at {piece.ToBytes} than were written there. Look at that device; the volume is where it was.");
            }
            done(piece.LengthBytes);
        }

        Task Ahead(int index, byte[] into) => index < pieces.Count ? source(pieces[index].OffsetBytes, Part(into, pieces[index])) : Task.CompletedTask;
    }

    /// <returns>What is expected to be there.</returns>
    static async Task<byte[]> WriteAsync(Piece piece, Memory<byte> bytes)
    {
        var digest = Digest(bytes);
        await (digest.Length == 0 ? piece.To.ZeroAsync(piece.ToBytes, bytes.Length, mayPunch: false) : piece.To.WriteAsync(piece.ToBytes, bytes));
        return digest;
    }

    /// <summary>Empty for zeros.</summary>
    static byte[] Digest(ReadOnlyMemory<byte> bytes) => bytes.Span.IndexOfAnyExcept((byte)0) < 0 ? [] : SHA256.HashData(bytes.Span);

    static Memory<byte> Part(byte[] buffer, Piece piece) => buffer.AsMemory(0, (int)piece.LengthBytes);

    static void Check(string name, Func<bool> mayGoOn, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        if (!mayGoOn())
        {
            throw Refusal.NotLeader($"this host stopped being SPM while volume {name} was copied. It is where it was; ask again.");
        }
    }

    static List<Piece> Pieces(IReadOnlyList<VolumeSegment> target)
    {
        var (pieces, offset) = (new List<Piece>(), 0L);
        foreach (var segment in target)
        {
            for (var done = 0L; done < segment.LengthBytes; done += PieceBytes)
            {
                var length = Math.Min(PieceBytes, segment.LengthBytes - done);
                pieces.Add(new(offset, segment.Device, segment.DeviceOffsetBytes + done, length));
                offset += length;
            }
        }
        return pieces;
    }

    sealed record Piece(long OffsetBytes, IDataDevice To, long ToBytes, long LengthBytes);
}
