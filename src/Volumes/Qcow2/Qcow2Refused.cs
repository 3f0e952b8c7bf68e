namespace OvirtSpm.Volumes.Qcow2;

/// <summary>An image that is not read further: what is wrong with it, and where.</summary>
public sealed class Qcow2Refused(Qcow2Fault fault, string message) : Exception(message)
{
    public Qcow2Fault Fault { get; } = fault;
}

/// <summary>Why an image is not believed. Each is a distinct fact about the bytes.</summary>
public enum Qcow2Fault
{
    /// <summary>Other bytes stand where the magic has to: a raw image, another format, or nothing.</summary>
    NotQcow2,

    /// <summary>A structure lies, wholly or in part, behind the end of the image.</summary>
    Truncated,

    UnknownVersion,

    /// <summary>An incompatible feature that this program does not know: the bytes may mean something else.</summary>
    UnknownFeature,

    BadClusterSize,
    BadRefcountWidth,
    BadHeader,

    /// <summary>The place or size of a table is impossible: not on a cluster, too large, or over another structure.</summary>
    BadTable,

    BadExtension,
    BadEncryption,
    BadCompression,

    /// <summary>The virtual size needs more than a qcow2 can address, or more than its L1 table has room for.</summary>
    BadVirtualSize,

    /// <summary>An entry of a table has an impossible value.</summary>
    BadEntry,

    /// <summary>More metadata than an image of this size can have: tables that are reached many times over.</summary>
    TooMuchMetadata,
}
