using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>A file as a read-only disk for QEMU's tools: they read the file that was looked at, and cannot open another.</summary>
sealed class FileExport(string name, IImageFile file) : INbdExport
{
    const int Sector = 512;

    public string Name => name;

    /// <summary>Whole sectors; behind the end of the file there are zeros.</summary>
    public long SizeBytes => (file.SizeBytes + Sector - 1) / Sector * Sector;

    public int SectorSize => Sector;

    public bool ReadOnly => true;

    public async ValueTask<NbdError> ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken gone)
    {
        if (offsetBytes < 0 || offsetBytes > SizeBytes - buffer.Length)
        {
            return NbdError.Invalid;
        }
        try
        {
            var inside = (int)Math.Clamp(file.SizeBytes - offsetBytes, 0, buffer.Length);
            await file.ReadAsync(offsetBytes, buffer[..inside]);
            buffer.Span[inside..].Clear();
            return NbdError.None;
        }
        catch (IOException)
        {
            return NbdError.Io;
        }
    }

    public ValueTask<NbdError> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, bool fua, CancellationToken gone) => Refused;

    public ValueTask<NbdError> WriteZeroesAsync(long offsetBytes, long lengthBytes, NbdCommandFlags flags, CancellationToken gone) => Refused;

    public ValueTask<NbdError> TrimAsync(long offsetBytes, long lengthBytes, bool fua, CancellationToken gone) => Refused;

    public ValueTask<NbdError> FlushAsync(CancellationToken gone) => ValueTask.FromResult(NbdError.None);

    public IReadOnlyList<NbdExtent> BlockStatus(long offsetBytes, long lengthBytes, int extentsMax)
    {
        var extents = new List<NbdExtent>();
        var end = offsetBytes + lengthBytes;
        for (var at = offsetBytes; at < end && extents.Count < extentsMax;)
        {
            var (data, until) = at < file.SizeBytes ? file.RunAt(at) : (false, SizeBytes);
            // Status is told in whole sectors: one that is in part data is data.
            until = data ? Math.Min(end, (until + Sector - 1) / Sector * Sector) : until >= file.SizeBytes ? end : Math.Min(end, until / Sector * Sector);
            if (until <= at)
            {
                (data, until) = (true, Math.Min(end, at + Sector));
            }
            extents.Add(new((uint)(until - at), data ? NbdAllocation.Allocated : NbdAllocation.Hole | NbdAllocation.Zero));
            at = until;
        }
        return extents;
    }

    static ValueTask<NbdError> Refused => ValueTask.FromResult(NbdError.NotPermitted);
}
