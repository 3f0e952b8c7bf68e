namespace OvirtSpm.Node.Roles;

/// <summary>How a takeover of the pool ended.</summary>
abstract record TermStart
{
    public sealed record Begun(SpmTerm Term) : TermStart;

    /// <summary>R22: metadata of this or a higher epoch is on disk; the lease's version must be raised above it first.</summary>
    public sealed record EpochNotAbove(ulong EpochOnDisk) : TermStart;

    public sealed record Failed(string Why) : TermStart;
}
