namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What a host may do with a volume's extents; two bits on disk.</summary>
public enum ActivationMode : byte
{
    Inactive = 0,
    ReadOnly = 1,
    ReadWrite = 2,

    /// <summary>
    /// R13: the SPM of this host writes into the extents (a new volume's image, zeros); no guest uses the volume here. R10: or this host is
    /// about to use it for writing and has not read the other maps yet.
    /// </summary>
    Working = 3,
}

/// <summary>What is known of a slot on one host.</summary>
public enum SlotUse
{
    Inactive,
    ReadOnly,
    ReadWrite,
    Working,

    /// <summary>R11: the map cannot be believed, so the volume is to be taken for active and written.</summary>
    Unreadable,
}

/// <summary>R11: whose entries these are. They outlive leases and processes, not a reboot.</summary>
public readonly record struct MapOwner(Guid MachineId, Guid BootId)
{
    /// <summary>Of a map nobody has written yet.</summary>
    public static readonly MapOwner Nobody;
}
