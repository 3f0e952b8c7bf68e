namespace OvirtSpm.Volumes.Journal;

/// <summary>What was asked of the pool; the number on disk. A number is never given twice.</summary>
public enum OperationKind : ushort
{
    /// <summary>A volume is made: LV, image, lease area, slot, final tags.</summary>
    Create = 1,

    /// <summary>A volume goes: mark, every map, the extents.</summary>
    Remove = 2,

    /// <summary>A thin volume gets extents: one commit, so it is never open.</summary>
    Extend = 3,

    /// <summary>A raw volume gets extents, zeros in them, then its capacity.</summary>
    ExtendRaw = 4,

    /// <summary>A volume goes down into its parent: content, the child's parent, slots, then the volume itself.</summary>
    Merge = 5,

    /// <summary>The disk of a thin volume becomes larger: its header, then its slot.</summary>
    Resize = 6,

    /// <summary>As <see cref="Remove"/>, with zeros over everything before the extents are given away.</summary>
    RemoveWiped = 7,
}

/// <summary>How an operation ended; the number on disk.</summary>
public enum OperationOutcome : ushort
{
    /// <summary>All of it happened.</summary>
    Done = 1,

    /// <summary>Nothing of it is left that a user sees.</summary>
    Undone = 2,
}
