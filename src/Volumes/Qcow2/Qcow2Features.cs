namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Feature bits of a version 3 header. An unknown incompatible bit refuses the image; unknown bits of the others change nothing for a reader.</summary>
[Flags]
public enum Qcow2Incompatible : ulong
{
    None = 0,

    /// <summary>Refcounts may be behind the mappings: the image was not closed.</summary>
    Dirty = 1,

    /// <summary>Somebody found damage in it; it must not be written.</summary>
    Corrupt = 2,

    /// <summary>Guest data lie in another file.</summary>
    DataFile = 4,

    /// <summary>Compressed with something else than zlib.</summary>
    CompressionType = 8,

    /// <summary>L2 entries of 16 bytes with 32 sub-clusters each.</summary>
    ExtendedL2 = 16,

    Known = Dirty | Corrupt | DataFile | CompressionType | ExtendedL2,
}

[Flags]
public enum Qcow2Compatible : ulong
{
    None = 0,
    LazyRefcounts = 1,
}

[Flags]
public enum Qcow2Autoclear : ulong
{
    None = 0,

    /// <summary>The bitmaps agree with the data; a writer that does not know them clears this bit.</summary>
    BitmapsValid = 1,
    DataFileRaw = 2,
}

public enum Qcow2Encryption : uint
{
    None = 0,
    Aes = 1,
    Luks = 2,
}

public enum Qcow2Compression : byte
{
    Zlib = 0,
    Zstd = 1,
}
