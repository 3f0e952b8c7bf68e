namespace OvirtSpm.Volumes.Volume;

/// <summary>How a volume's bytes are laid out: <c>FORMAT</c> in the slot.</summary>
public enum VolumeFormat
{
    Raw,

    /// <summary>qcow2.</summary>
    Cow,
}

/// <summary>Whether the whole size is set aside at creation: <c>TYPE</c> in the slot.</summary>
public enum VolumeAllocation
{
    Preallocated,
    Sparse,
    Unknown,
}

/// <summary>Where a volume stands in its chain: <c>VOLTYPE</c> in the slot.</summary>
public enum VolumeRole
{
    Leaf,
    Internal,

    /// <summary>A template: read-only for everybody.</summary>
    Shared,
}

/// <summary>Whether the content may be used: <c>LEGALITY</c> in the slot.</summary>
public enum VolumeLegality
{
    Legal,

    /// <summary>An operation on the content began and has not ended.</summary>
    Illegal,
    Fake,
}
