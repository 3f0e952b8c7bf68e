namespace OvirtSpm.Leases.OnDisk;

/// <summary>Why a sector is not believed.</summary>
public enum RecordError
{
    None = 0,

    /// <summary>Fewer bytes than one record.</summary>
    TooShort,

    /// <summary>Something else lies here, or nothing was ever initialised.</summary>
    WrongMagic,

    /// <summary>A resource that was initialised as "cleared": deliberately not usable.</summary>
    Cleared,

    /// <summary>A major version this build does not read (delta 3 to 5 and paxos 6 to 7 are read).</summary>
    WrongVersion,

    WrongChecksum,

    /// <summary>A valid record of another lockspace.</summary>
    WrongLockspace,

    /// <summary>A valid record of another resource.</summary>
    WrongResource,

    /// <summary>Sector size or alignment differ from what the caller assumed.</summary>
    WrongGeometry,

    /// <summary>num_hosts is 0, beyond max_hosts, or smaller than this host's id.</summary>
    WrongHostCount,

    /// <summary>NO_TIMEOUT, DEAD_EXT or COMPARE AND WRITE: promises of sanlock 4 and 5 that this build does not keep.</summary>
    UnsupportedFlags,

    /// <summary>A host id's sector is held by another host, name or generation than the record says it should be.</summary>
    WrongOwner,

    /// <summary>A valid vote of another host, in this host's sector.</summary>
    Misplaced,
}
