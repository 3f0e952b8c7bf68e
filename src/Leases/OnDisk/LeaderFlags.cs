namespace OvirtSpm.Leases.OnDisk;

/// <summary>Bits of a leader record. 0x2, 0x4 and 0x8 exist since sanlock 4 and 5.</summary>
[Flags]
public enum LeaderFlags : uint
{
    None = 0,

    /// <summary>Held exclusively only for the moment of taking it shared.</summary>
    ShortHold = 0x1,

    /// <summary>Leases of a dead owner never expire by time.</summary>
    NoTimeout = 0x2,

    /// <summary>The host was declared dead by somebody who fenced it otherwise.</summary>
    DeadExternally = 0x4,

    /// <summary>The leader may only be changed by SCSI COMPARE AND WRITE.</summary>
    CompareAndWrite = 0x8,

    Align1M = 0x10,
    Align2M = 0x20,
    Align4M = 0x40,
    Align8M = 0x80,
    AlignMask = Align1M | Align2M | Align4M | Align8M,

    /// <summary>R20: promises this build does not keep, so it takes no lease that carries them.</summary>
    Unsupported = NoTimeout | DeadExternally | CompareAndWrite,
}
