namespace OvirtSpm.Leases;

/// <summary>A range of shared storage that holds leases: whole sectors at fixed places.</summary>
/// <remarks>
/// Offsets are relative to the start of the range; offset and length are multiples of <see cref="SectorSize"/>,
/// anything else is refused by the implementation before it reaches the device.
/// An I/O cannot be taken back: a caller that stops waiting leaves the buffer alone until the call returns,
/// and a write it gave up on may still land.
/// </remarks>
/// <exception cref="IOException">The device refused or failed; the message names offset, length and errno.</exception>
public interface ILeaseArea
{
    /// <summary>512 or 4096.</summary>
    int SectorSize { get; }

    long SizeBytes { get; }

    ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer);

    /// <summary>Returns when the bytes are durable.</summary>
    ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data);
}
