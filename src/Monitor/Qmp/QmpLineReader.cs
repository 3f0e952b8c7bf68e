namespace OvirtSpm.Monitor.Qmp;

/// <summary>Cuts a byte stream into lines. QEMU sends one JSON value per line, ended by CR LF.</summary>
/// <remarks>The buffer doubles from 4 KiB only as bytes really arrive and never beyond the limit.</remarks>
public sealed class QmpLineReader(Stream stream, int limitBytes)
{
    private byte[] buffer = new byte[Math.Min(4096, limitBytes)];
    private int start, end, searched;

    /// <returns>The line without its end, valid until the next call; null at the end of the stream.
    /// Blank lines are skipped; a last line without its end is dropped: it was cut off.</returns>
    /// <exception cref="QmpSessionException">A line is longer than the limit.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken stop)
    {
        while (true)
        {
            while (TryCut(out var line))
                if (line.Length > 0)
                    return line;
            MakeRoom();
            var count = await stream.ReadAsync(buffer.AsMemory(end), stop);
            if (count == 0)
                return null;
            end += count;
        }
    }

    private bool TryCut(out ReadOnlyMemory<byte> line)
    {
        // Only bytes not looked at before: a long message in small pieces stays linear.
        var newline = buffer.AsSpan(searched..end).IndexOf((byte)'\n');
        searched = newline < 0 ? end : searched + newline + 1;
        line = newline < 0 ? default : buffer.AsMemory(start..(searched - 1));
        if (newline < 0)
            return false;
        start = searched;
        if (line.Length > 0 && line.Span[^1] == '\r')
            line = line[..^1];
        return true;
    }

    private void MakeRoom()
    {
        if (end < buffer.Length)
            return;
        var kept = end - start;
        if (kept == buffer.Length)
        {
            if (kept >= limitBytes)
                throw new QmpSessionException($"a QMP message is longer than {limitBytes} bytes; is this socket really a QEMU monitor?");
            Array.Resize(ref buffer, (int)Math.Min(buffer.Length * 2L, limitBytes));
        }
        else
        {
            buffer.AsSpan(start, kept).CopyTo(buffer);
        }
        (start, end, searched) = kept == end ? (start, end, searched) : (0, kept, kept);
    }
}
