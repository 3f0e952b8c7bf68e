namespace OvirtSpm.LvmMetadata.Store;

public abstract record OpenOutcome
{
    private OpenOutcome()
    {
    }

    public sealed record Opened(MetadataStore Store, VolumeGroupRead Read) : OpenOutcome;

    /// <summary>There is nothing believable to open.</summary>
    public sealed record Refused(string Reason, VolumeGroupRead Read) : OpenOutcome;
}
