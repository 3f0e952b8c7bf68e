namespace OvirtSpm.Volumes.Volume;

/// <summary>One LV as the volume group describes it; plain values, so that this library needs to know nothing of LVM.</summary>
/// <param name="Name">LV name.</param>
/// <param name="Tags">Its tags.</param>
/// <param name="SizeBytes">Its size.</param>
public sealed record VolumeFacts(string Name, IReadOnlyCollection<string> Tags, long SizeBytes);

/// <summary>One volume: what the volume group and the slot say of it, and what of that does not fit together.</summary>
/// <param name="Name">LV name, the volume's UUID as text.</param>
/// <param name="Uuid">The volume; <see cref="Guid.Empty"/> when the name is no UUID.</param>
/// <param name="AllocatedBytes">Size of the LV.</param>
/// <param name="Tags">What the tags say.</param>
/// <param name="Slot">What the slot says; null when there is none or it cannot be believed.</param>
/// <param name="Problems">Everything that was noticed; empty for a healthy volume.</param>
public sealed record VolumeInfo(
    string Name, Guid Uuid, long AllocatedBytes, VolumeTags Tags, VolumeSlot? Slot, EquatableList<VolumeProblem> Problems)
{
    public string? Alias => Slot?.Alias;

    /// <summary>
    /// The volume below. The slot's word counts where it can be read: a merge writes it there first, the tag follows.
    /// </summary>
    public Guid Parent => Slot?.Parent ?? Tags.Parent ?? Guid.Empty;

    /// <summary>May be served to a guest: created, not being removed, slot readable, nothing that could mean someone else's data.</summary>
    public bool IsUsable => Tags.IsUsable && Slot is { Legality: VolumeLegality.Legal } && Problems.All(problem => !PreventsUse(problem.Kind));

    public bool Has(VolumeProblemKind kind) => Problems.Any(problem => problem.Kind == kind);

    private static bool PreventsUse(VolumeProblemKind kind) => kind is
        VolumeProblemKind.NotAVolumeName or VolumeProblemKind.WrongTag or VolumeProblemKind.Initializing or VolumeProblemKind.BeingRemoved
        or VolumeProblemKind.MissingTag or VolumeProblemKind.SharedSlot or VolumeProblemKind.UnreadableSlot or VolumeProblemKind.SlotOfAnother
        or VolumeProblemKind.MissingParent or VolumeProblemKind.Illegal or VolumeProblemKind.Arriving
        or VolumeProblemKind.ChainLoop or VolumeProblemKind.ChainTooLong or VolumeProblemKind.ChainBroken;
}
