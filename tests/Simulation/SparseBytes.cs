namespace OvirtSpm.Simulation;

/// <summary>The bytes of a disk of any size; what was never written is zero and costs nothing.</summary>
/// <param name="template">What lies below: read where nothing was written here, never changed.</param>
internal sealed class SparseBytes(long sizeBytes, SparseBytes? template = null)
{
    private const int PageBytes = 16 << 10;
    private readonly Dictionary<long, byte[]> pages = [];

    public long Length => sizeBytes;

    public void Read(long offset, Span<byte> buffer)
    {
        for (var done = 0; done < buffer.Length;)
        {
            var (page, inside) = Math.DivRem(offset + done, PageBytes);
            var length = (int)Math.Min(PageBytes - inside, buffer.Length - done);
            var target = buffer.Slice(done, length);
            if (Find(page) is { } bytes)
            {
                bytes.AsSpan((int)inside, length).CopyTo(target);
            }
            else
            {
                target.Clear();
            }

            done += length;
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        for (var done = 0; done < data.Length;)
        {
            var (page, inside) = Math.DivRem(offset + done, PageBytes);
            var length = (int)Math.Min(PageBytes - inside, data.Length - done);
            var piece = data.Slice(done, length);
            if (!pages.TryGetValue(page, out var bytes) && (piece.ContainsAnyExcept((byte)0) || template?.Find(page) is not null))
            {
                bytes = template?.Find(page) is { } below ? (byte[])below.Clone() : new byte[PageBytes];
                pages.Add(page, bytes);
            }

            if (bytes is not null)
            {
                piece.CopyTo(bytes.AsSpan((int)inside));
            }

            done += length;
        }
    }

    private byte[]? Find(long page) => pages.TryGetValue(page, out var bytes) ? bytes : template?.Find(page);

    public void Fill(long offset, long length, byte value)
    {
        var step = new byte[PageBytes];
        step.AsSpan().Fill(value);
        for (var done = 0L; done < length; done += step.Length)
        {
            Write(offset + done, step.AsSpan(0, (int)Math.Min(step.Length, length - done)));
        }
    }
}
