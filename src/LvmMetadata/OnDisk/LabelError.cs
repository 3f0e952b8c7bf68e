namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>Why a sector is not taken for a label.</summary>
public enum LabelError
{
    None,

    /// <summary>No <c>LABELONE</c>: not a label at all.</summary>
    NotALabel,

    /// <summary>It names another sector than the one it lies in: a copy of a label.</summary>
    WrongSector,
    WrongChecksum,

    /// <summary>A label, but not of type <c>LVM2 001</c>.</summary>
    WrongType,

    /// <summary>The physical volume header would begin outside the sector.</summary>
    WrongHeaderOffset,
    BadUuid,

    /// <summary>A list of areas does not end inside the sector, or names offsets beyond 63 bits.</summary>
    BadAreaList,
}
