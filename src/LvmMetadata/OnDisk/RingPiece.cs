namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>Bytes of a ring, from the start of the metadata area; <c>EndBytes</c> is the first byte after it.</summary>
public readonly record struct RingPiece(long StartBytes, long EndBytes)
{
    public long LengthBytes => EndBytes - StartBytes;

    public bool Overlaps(RingPiece other) => StartBytes < other.EndBytes && other.StartBytes < EndBytes;
}
