namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>How one change of a batch ended. Everything but <see cref="Done"/> left the batch as it was.</summary>
public abstract record EditOutcome
{
    private EditOutcome()
    {
    }

    /// <param name="Extents">Extents of the volume after the change; 0 where it has none.</param>
    public sealed record Done(long Extents) : EditOutcome;

    /// <summary>What was asked for is already so; asking twice is harmless.</summary>
    /// <param name="Extents">Extents the volume has.</param>
    public sealed record AlreadyThere(long Extents) : EditOutcome;

    public sealed record NotFound(string Name) : EditOutcome;

    /// <param name="Name">Name that another volume has.</param>
    public sealed record Exists(string Name) : EditOutcome;

    /// <param name="KeptExtents">Free, and kept for others; whoever asks decides for whom.</param>
    public sealed record NoSpace(long NeededExtents, long FreeExtents, long KeptExtents = 0) : EditOutcome;

    /// <param name="Reason">What is wrong and what to do, for people.</param>
    public sealed record Refused(string Reason) : EditOutcome;
}
