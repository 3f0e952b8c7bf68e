using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Activation;

/// <summary>An export that asks before every change (R13): for data written on behalf of the pool, not of a guest.</summary>
sealed class GuardedExport(INbdExport inner, Func<bool> mayWrite) : INbdExport
{
    const long StepBytes = 32L << 20;

    public string Name => inner.Name;

    public long SizeBytes => inner.SizeBytes;

    public int SectorSize => inner.SectorSize;

    public bool ReadOnly => inner.ReadOnly;

    public ValueTask<NbdError> ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken gone) => inner.ReadAsync(offsetBytes, buffer, gone);

    public ValueTask<NbdError> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, bool fua, CancellationToken gone) =>
        mayWrite() ? inner.WriteAsync(offsetBytes, data, fua, gone) : Refused;

    /// <remarks>One request may be of 4 GiB, which takes minutes where the storage cannot zero by itself: it is asked before each step.</remarks>
    public async ValueTask<NbdError> WriteZeroesAsync(long offsetBytes, long lengthBytes, NbdCommandFlags flags, CancellationToken gone)
    {
        for (var done = 0L; done < lengthBytes; done += StepBytes)
        {
            if (!mayWrite())
            {
                return NbdError.NotPermitted;
            }
            var error = await inner.WriteZeroesAsync(offsetBytes + done, Math.Min(StepBytes, lengthBytes - done), flags, gone);
            if (error != NbdError.None)
            {
                return error;
            }
        }
        return NbdError.None;
    }

    public ValueTask<NbdError> TrimAsync(long offsetBytes, long lengthBytes, bool fua, CancellationToken gone) =>
        mayWrite() ? inner.TrimAsync(offsetBytes, lengthBytes, fua, gone) : Refused;

    public ValueTask<NbdError> FlushAsync(CancellationToken gone) => inner.FlushAsync(gone);

    public IReadOnlyList<NbdExtent> BlockStatus(long offsetBytes, long lengthBytes, int extentsMax) => inner.BlockStatus(offsetBytes, lengthBytes, extentsMax);

    static ValueTask<NbdError> Refused => ValueTask.FromResult(NbdError.NotPermitted);
}
