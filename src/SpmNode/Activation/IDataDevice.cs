namespace OvirtSpm.Node.Activation;

/// <summary>A device that carries the data of volumes: whole sectors at byte offsets from its start.</summary>
/// <remarks>
/// Misaligned or outside requests throw <see cref="ArgumentOutOfRangeException"/> before they reach the device.
/// A completed write is durable after a <see cref="FlushAsync"/> that began after it returned.
/// An I/O cannot be taken back: it may land after its caller stopped waiting.
/// </remarks>
/// <exception cref="IOException">The device failed; the message names device, offset, length and errno.</exception>
public interface IDataDevice
{
    string Name { get; }

    /// <summary><c>MAJOR:MINOR</c>; null for a file.</summary>
    string? Number => null;

    /// <summary>512 or 4096.</summary>
    int SectorSize { get; }

    long SizeBytes { get; }

    /// <summary>Zeroing costs about nothing per byte here (the storage does it, or a file punches a hole).</summary>
    bool ZeroIsFast { get; }

    ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer);

    ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data);

    /// <summary>Returns when these bytes are durable; says nothing about other writes.</summary>
    ValueTask WriteDurableAsync(long offsetBytes, ReadOnlyMemory<byte> data);

    ValueTask FlushAsync();

    /// <summary>Makes the range read as zeros.</summary>
    /// <param name="mayPunch">The space may be given back to a file system below; otherwise it stays allocated.</param>
    ValueTask ZeroAsync(long offsetBytes, long lengthBytes, bool mayPunch);

    /// <summary>The most one discard should be; 0 where the device takes none.</summary>
    long DiscardStepBytes => 32L << 20;

    /// <summary>Advice that nobody needs the content any more; what the range reads as afterwards is not defined.</summary>
    ValueTask DiscardAsync(long offsetBytes, long lengthBytes);
}
