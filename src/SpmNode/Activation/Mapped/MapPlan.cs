namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>What is to be done so that a map is what the metadata say. Pure.</summary>
internal abstract record MapPlan
{
    /// <summary>It is: our own former life's, or lvchange's.</summary>
    public sealed record Keep : MapPlan;

    /// <summary>There is none.</summary>
    public sealed record Make : MapPlan;

    /// <summary>Load and resume: it is stale, shorter, or was left half-made by a crash.</summary>
    public sealed record Mend : MapPlan;

    /// <summary>It is in use as something else.</summary>
    public sealed record Refuse(string Why) : MapPlan;

    public static MapPlan For(MapState? present, string name, IReadOnlyList<MapTarget> wanted, bool readOnly)
    {
        if (present is null)
        {
            return new Make();
        }
        if (present.Name != name)
        {
            return new Refuse($"the kernel has it mapped under another name, '{present.Name}'");
        }
        if (!present.HasLive)
        {
            // A crash between creation and the first resume: nobody can have read or written anything.
            return new Mend();
        }
        var isOpen = present.OpenCount > 0;
        if (isOpen && !MapTable.IsPrefix(present.Live, wanted))
        {
            // R12: swapping the table below an opener would send its bytes elsewhere.
            return new Refuse("it is open, and mapped to other extents than the metadata say: end what uses it, then 'dmsetup remove' it");
        }
        if (isOpen && present.ReadOnly != readOnly)
        {
            return new Refuse($"it is open {(present.ReadOnly ? "read-only" : "for writing")}: end what uses it first");
        }
        return !present.IsSuspended && !present.HasInactive && present.ReadOnly == readOnly && MapTable.IsSame(present.Live, wanted) ? new Keep() : new Mend();
    }
}
