using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>What to think of one metadata copy.</summary>
public abstract record CopyState
{
    private CopyState()
    {
    }

    public abstract string Describe();

    /// <summary>The newest text.</summary>
    public sealed record Current : CopyState
    {
        public override string Describe() => "current";
    }

    /// <summary>Whole, but older than another copy.</summary>
    public sealed record Stale(MetadataVersion Version) : CopyState
    {
        public override string Describe() => $"stale: {Version}";
    }

    /// <summary>Switched off by its flag; its text is never read.</summary>
    public sealed record Ignored : CopyState
    {
        public override string Describe() => "ignored: not used by this volume group's settings";
    }

    /// <summary>A good header without a text.</summary>
    public sealed record Empty : CopyState
    {
        public override string Describe() => "empty: the area was prepared but holds no volume group";
    }

    /// <summary>The header cannot be believed, twice.</summary>
    public sealed record BadHeader(string Reason) : CopyState
    {
        public override string Describe() => $"bad header: {Reason}";
    }

    /// <summary>The header is good, the text it points at is torn, corrupt or not a volume group, twice.</summary>
    public sealed record BadText(string Reason) : CopyState
    {
        public override string Describe() => $"bad text: {Reason}";
    }
}
