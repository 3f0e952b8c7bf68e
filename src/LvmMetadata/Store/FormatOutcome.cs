using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

public abstract record FormatOutcome
{
    private FormatOutcome()
    {
    }

    public sealed record Created(VolumeGroup Group) : FormatOutcome;

    /// <summary>Options that make no sense, or a device too small. Nothing was written.</summary>
    public sealed record Refused(string Reason) : FormatOutcome;

    /// <summary>The device carries something. Nothing was written.</summary>
    public sealed record NotEmpty(IReadOnlyList<FoundSignature> Found) : FormatOutcome;
}
