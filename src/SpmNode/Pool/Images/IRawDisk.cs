namespace OvirtSpm.Node.Pool.Images;

/// <summary>Port: what an image reads as, byte for byte, whatever its format.</summary>
/// <exception cref="Refusal">The storage or the tool failed, the pool is full, or writing is no longer allowed.</exception>
interface IRawDisk : IAsyncDisposable
{
    long SizeBytes { get; }

    Task ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken stop);

    Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken stop);

    Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken stop);

    /// <summary>Everything written before is whole in the image, also if the tool is killed afterwards.</summary>
    Task FlushAsync(CancellationToken stop);

    /// <summary>All of it in order, without gaps.</summary>
    Task<IReadOnlyList<DiskRun>> RunsAsync(CancellationToken stop);
}

/// <param name="Zero">Reads as zeros, without looking; what is not known is data.</param>
readonly record struct DiskRun(long Start, long Length, bool Zero);
