namespace OvirtSpm.Volumes.Domain;

/// <summary>Why a volume group's tags are not believed to describe a domain.</summary>
public enum DomainError
{
    None,

    /// <summary>No <c>MDT_</c> tag at all: not a domain, or one whose creation had not come that far.</summary>
    NoMetadata,

    /// <summary>A tag cannot be decoded.</summary>
    BadTag,

    /// <summary>A key appears twice with different values.</summary>
    DuplicateKey,

    MissingKey,

    /// <summary>A value is not of its kind: not a number, not a UUID, out of range.</summary>
    BadValue,

    /// <summary>The checksum over all keys does not agree: somebody changed a tag by hand, or some tags are lost.</summary>
    WrongChecksum,

    /// <summary>Neither version 5 nor 4. Older ones are to be upgraded by oVirt first.</summary>
    WrongVersion,
}
