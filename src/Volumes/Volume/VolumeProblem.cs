namespace OvirtSpm.Volumes.Volume;

/// <summary>What does not fit together about a volume.</summary>
public enum VolumeProblemKind
{
    /// <summary>The LV is neither a special volume nor named by a UUID: not ours.</summary>
    NotAVolumeName,

    /// <summary>A tag of the volume is no good or contradicts another.</summary>
    WrongTag,

    /// <summary>Creation has not ended. After a crash: remove it.</summary>
    Initializing,

    /// <summary>Removal has begun and not ended.</summary>
    BeingRemoved,

    /// <summary>A finished volume lacks one of its three tags.</summary>
    MissingTag,

    /// <summary>Two LVs name the same slot. Neither may be written before a person has decided.</summary>
    SharedSlot,

    /// <summary>The slot's text cannot be believed.</summary>
    UnreadableSlot,

    /// <summary>The slot belongs to another domain or another image than the tags say.</summary>
    SlotOfAnother,

    /// <summary>Tag and slot name different parents. After a live merge the slot is right and the tag is stale.</summary>
    ParentsDiffer,

    /// <summary>No volume of the domain has the parent's UUID.</summary>
    MissingParent,

    /// <summary>Following the parents leads back to a volume that was passed already.</summary>
    ChainLoop,

    /// <summary>More parents than anything should open.</summary>
    ChainTooLong,

    /// <summary>A volume of the chain cannot be read over or under its neighbour.</summary>
    ChainBroken,

    /// <summary>The LV is smaller than a raw volume's capacity, or larger than a cow volume can ever need.</summary>
    SizeMismatch,

    /// <summary>The slot says ILLEGAL: an operation on the content began and has not ended.</summary>
    Illegal,

    /// <summary>The target of a move that has not ended: it becomes usable when its source is gone.</summary>
    Arriving,

    /// <summary>Our record contradicts the slot: oVirt wrote it later, or a write went astray.</summary>
    RecordContradicts,

    /// <summary>A change of the slot was announced and did not happen.</summary>
    ChangeNotFinished,
}

/// <param name="Kind">What it is.</param>
/// <param name="Text">For people: what, and what to do.</param>
public sealed record VolumeProblem(VolumeProblemKind Kind, string Text);
