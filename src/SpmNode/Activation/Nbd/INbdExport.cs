namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>A disk that clients see. Requests arrive concurrently, in whole sectors and inside the size.</summary>
/// <remarks>
/// Errors are answers, not exceptions. <c>gone</c> is cancelled when the client is no longer there: a request that has issued
/// nothing to a device yet throws <see cref="OperationCanceledException"/> then, one that has waits for the device.
/// A client that comes back sends its requests again; an old one landing after them would undo what it wrote since.
/// </remarks>
public interface INbdExport
{
    string Name { get; }

    long SizeBytes { get; }

    /// <summary>The smallest unit of a request: 512 or 4096.</summary>
    int SectorSize { get; }

    bool ReadOnly { get; }

    ValueTask<NbdError> ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken gone);

    /// <param name="fua">Answer when these bytes are durable.</param>
    ValueTask<NbdError> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, bool fua, CancellationToken gone);

    /// <summary>Makes every write answered before durable. Waits for no write that is held.</summary>
    ValueTask<NbdError> FlushAsync(CancellationToken gone);

    /// <param name="flags">FUA, NO_HOLE and FAST_ZERO mean something here.</param>
    ValueTask<NbdError> WriteZeroesAsync(long offsetBytes, long lengthBytes, NbdCommandFlags flags, CancellationToken gone);

    ValueTask<NbdError> TrimAsync(long offsetBytes, long lengthBytes, bool fua, CancellationToken gone);

    /// <summary>What is behind a range, from its start, without gaps; may cover less than asked.</summary>
    /// <param name="extentsMax">At least 1.</param>
    IReadOnlyList<NbdExtent> BlockStatus(long offsetBytes, long lengthBytes, int extentsMax);
}
