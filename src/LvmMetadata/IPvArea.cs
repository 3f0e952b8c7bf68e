namespace OvirtSpm.LvmMetadata;

/// <summary>One physical volume: the whole device, in bytes from its start.</summary>
/// <remarks>
/// Offset and length are multiples of <see cref="SectorSize"/>; anything else is refused before it reaches the device.
/// A write is durable only after a <see cref="FlushAsync"/> that began after it returned.
/// </remarks>
/// <exception cref="IOException">The device refused or failed; the message names offset, length and errno.</exception>
public interface IPvArea
{
    /// <summary>512 or 4096.</summary>
    int SectorSize { get; }

    long SizeBytes { get; }

    /// <summary>How people call this device, for messages.</summary>
    string Name { get; }

    ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer);

    ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data);

    ValueTask FlushAsync();
}
