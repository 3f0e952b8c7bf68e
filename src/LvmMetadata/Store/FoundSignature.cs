namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Something a device already carries.</summary>
/// <param name="What">For people: <c>ext2/3/4 file system</c>.</param>
/// <param name="OffsetBytes">Where its magic is.</param>
/// <param name="LengthBytes">How many bytes must be zeroed for it to be forgotten.</param>
public sealed record FoundSignature(string What, long OffsetBytes, int LengthBytes)
{
    public override string ToString() => $"{What} at byte {OffsetBytes}";
}
