namespace OvirtSpm.Volumes;

/// <summary>Why a record of ours is not believed. Each is a distinct fact about the bytes.</summary>
public enum RecordError
{
    None,

    /// <summary>Not the size of a record or of a sector.</summary>
    WrongLength,

    /// <summary>All bytes zero: never written, or wiped.</summary>
    Empty,

    /// <summary>Something else lies here.</summary>
    WrongMagic,

    /// <summary>The right kind of record, damaged or torn.</summary>
    WrongChecksum,

    /// <summary>A later version of this program wrote it. Upgrade this host.</summary>
    UnknownVersion,

    /// <summary>The superblock demands a feature this program does not know. Upgrade this host.</summary>
    UnknownFeature,

    /// <summary>A good record of another pool: the wrong LUN, a copy of one, or a sector that was written to the wrong disk.</summary>
    OtherPool,

    /// <summary>A good record that belongs elsewhere: another host id, another part, another slot. A write went astray.</summary>
    OtherPlace,

    /// <summary>Formatted for another sector size than the device has.</summary>
    OtherSectorSize,

    /// <summary>The checksum agrees, yet a value is impossible: a fault of the program that wrote it.</summary>
    BadField,
}
