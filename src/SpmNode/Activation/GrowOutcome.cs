namespace OvirtSpm.Node.Activation;

public enum GrowRefusal
{
    /// <summary>Its epoch or sequence number is older than the live table's.</summary>
    Older,

    /// <summary>It ends before the live table does.</summary>
    Smaller,

    /// <summary>It puts bytes that are live elsewhere.</summary>
    NotAPrefix,

    /// <summary>Its device has another sector size than the export announced.</summary>
    SectorSize,

    /// <summary>The volume is being deactivated.</summary>
    Deactivated,
}

/// <summary>What became of a new table.</summary>
public abstract record GrowOutcome
{
    /// <summary>Every request from now on sees it; held writes inside it go on.</summary>
    public sealed record Grown(long AllocatedBytes) : GrowOutcome;

    /// <summary>R12: the live table stays. Loading it could send a guest's bytes into another volume.</summary>
    public sealed record Refused(GrowRefusal Reason, string Message) : GrowOutcome;
}
