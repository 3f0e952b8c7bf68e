namespace OvirtSpm.Volumes.Xleases;

/// <summary>Why the index, or a record of it, is not believed.</summary>
public enum XleasesError
{
    None,

    /// <summary>All zeros: no index was ever made here.</summary>
    Empty,

    WrongMagic,

    /// <summary>An index version other than 1.</summary>
    WrongVersion,

    /// <summary>The index of another domain.</summary>
    WrongLockspace,

    /// <summary>A field does not have the form it must have.</summary>
    Malformed,

    /// <summary>A change of the whole index was begun and did not end: it must be rebuilt from the leases.</summary>
    Updating,
}
