namespace OvirtSpm.Volumes.Qcow2;

/// <summary>A run of the virtual disk that is of one kind.</summary>
/// <param name="Offset">Where it lies in the image, or in the data file; null where it has no place, or none that can be read as it is (compressed).</param>
public readonly record struct MapExtent(long Start, long Length, MapKind Kind, long? Offset);

public enum MapKind
{
    /// <summary>Reads from the backing file, or as zeros without one.</summary>
    Unallocated,

    /// <summary>Reads as zeros, whatever the backing file has.</summary>
    Zero,
    Data,
    Compressed,
}
