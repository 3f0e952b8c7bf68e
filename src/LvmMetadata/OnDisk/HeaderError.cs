namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>Why a metadata area's header is not believed.</summary>
public enum HeaderError
{
    None,
    WrongChecksum,
    WrongMagic,
    WrongVersion,

    /// <summary>It says it lies elsewhere: a copy, or a misdirected write.</summary>
    WrongStart,

    /// <summary>Its size is not what the label says, or too small.</summary>
    WrongSize,

    /// <summary>Slot 0 points outside the area.</summary>
    LocationOutsideArea,
}
