namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What a host may do with a volume's extents; two bits on disk.</summary>
public enum ActivationMode : byte
{
    Inactive = 0,
    ReadOnly = 1,
    ReadWrite = 2,

    /// <summary>R13: the SPM itself writes into it, to create or to extend. No guest has it: whoever finds this of an earlier life clears it.</summary>
    Preparing = 3,
}

/// <summary>What is known of a slot on one host.</summary>
public enum SlotUse
{
    Inactive,
    ReadOnly,
    ReadWrite,
    Preparing,

    /// <summary>R11: the map cannot be believed, so the volume is to be taken for active and written.</summary>
    Unreadable,
}

/// <summary>R11: whose entries these are. They outlive leases and processes, not a reboot.</summary>
public readonly record struct MapOwner(Guid MachineId, Guid BootId)
{
    /// <summary>Of a map nobody has written yet.</summary>
    public static readonly MapOwner Nobody;
}
