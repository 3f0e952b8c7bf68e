namespace OvirtSpm.Volumes.Qcow2;

/// <summary>The bytes of one disk image: a file, a device, or a volume at its mapped places on a LUN.</summary>
public interface IImageArea
{
    /// <summary>As it was when it was opened. What lies behind it does not exist.</summary>
    long SizeBytes { get; }

    /// <summary>Any offset and length inside the area, aligned or not.</summary>
    /// <exception cref="IOException">The storage failed.</exception>
    ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer);
}
