namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>Where a header says its text is.</summary>
/// <param name="OffsetBytes">From the start of the metadata area; 0 means there is no text.</param>
/// <param name="SizeBytes">With the closing NUL.</param>
/// <param name="Crc">Over those bytes.</param>
/// <param name="Flags">Bit 0: ignored.</param>
public readonly record struct TextLocation(long OffsetBytes, long SizeBytes, uint Crc, uint Flags)
{
    public bool IsIgnored => (Flags & 1) != 0;

    public bool IsEmpty => OffsetBytes == 0;

    public override string ToString() => $"offset {OffsetBytes} size {SizeBytes} crc {Crc:x8} flags {Flags}";
}
