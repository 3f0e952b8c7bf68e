using System.Security.Cryptography;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Activation;

/// <summary>Copies the bytes of a volume from some extents to others, as they are, and reads them back.</summary>
/// <remarks>R13: at most <see cref="PieceBytes"/> a step, each step asking. While a piece is written the next one is read.</remarks>
static class ExtentCopy
{
    public const int PieceBytes = 4 << 20;

    /// <param name="source">As long as <paramref name="target"/> altogether.</param>
    /// <param name="mayGoOn">Both ends still are their SPM's to read and to write.</param>
    /// <param name="done">Told the bytes of each step; altogether twice the length.</param>
    /// <exception cref="Refusal">It was ended, or what was read back is not what was written: the target must not be used.</exception>
    public static async Task RunAsync(
        string name, IReadOnlyList<VolumeSegment> source, IReadOnlyList<VolumeSegment> target, Func<bool> mayGoOn, Action<long> done, CancellationToken stop)
    {
        var pieces = Pieces(source, target);
        var written = new byte[pieces.Count][];
        var (buffer, next) = (new byte[PieceBytes], new byte[PieceBytes]);
        var reading = pieces.Count > 0 ? ReadAsync(pieces[0].From, pieces[0].FromBytes, Part(buffer, pieces[0])) : Task.CompletedTask;
        try
        {
            foreach (var (index, piece) in pieces.Index())
            {
                await reading;
                reading = index + 1 < pieces.Count ? ReadAsync(pieces[index + 1].From, pieces[index + 1].FromBytes, Part(next, pieces[index + 1])) : Task.CompletedTask;
                Check(name, mayGoOn, stop);
                written[index] = await WriteAsync(piece, Part(buffer, piece));
                done(piece.LengthBytes);
                (buffer, next) = (next, buffer);
            }
        }
        finally
        {
            // Its buffer must not be used by anybody while the device may still fill it.
            await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        foreach (var device in pieces.Select(piece => piece.To).Distinct())
        {
            await device.FlushAsync();
        }
        foreach (var (index, piece) in pieces.Index())
        {
            Check(name, mayGoOn, stop);
            await ReadAsync(piece.To, piece.ToBytes, Part(buffer, piece));
            if (!Digest(Part(buffer, piece)).AsSpan().SequenceEqual(written[index]))
            {
                throw Refusal.Damaged($"volume {name} is not moved: {piece.To.Name} gives back other bytes at {piece.ToBytes} than were written there. Look at that device; the volume is where it was.");
            }
            done(piece.LengthBytes);
        }
    }

    static async Task ReadAsync(IDataDevice device, long offsetBytes, Memory<byte> into) => await device.ReadAsync(offsetBytes, into);

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

    /// <summary>Cut so that each lies in one piece at both ends.</summary>
    static List<Piece> Pieces(IReadOnlyList<VolumeSegment> source, IReadOnlyList<VolumeSegment> target)
    {
        var pieces = new List<Piece>();
        for (var (from, fromDone, to, toDone) = (0, 0L, 0, 0L); from < source.Count;)
        {
            var (here, there) = (source[from], target[to]);
            var length = Math.Min(PieceBytes, Math.Min(here.LengthBytes - fromDone, there.LengthBytes - toDone));
            pieces.Add(new(here.Device, here.DeviceOffsetBytes + fromDone, there.Device, there.DeviceOffsetBytes + toDone, length));
            (from, fromDone) = fromDone + length == here.LengthBytes ? (from + 1, 0) : (from, fromDone + length);
            (to, toDone) = toDone + length == there.LengthBytes ? (to + 1, 0) : (to, toDone + length);
        }
        return pieces;
    }

    sealed record Piece(IDataDevice From, long FromBytes, IDataDevice To, long ToBytes, long LengthBytes);
}
