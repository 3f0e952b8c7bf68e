using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.Node.Pool;

/// <summary>How one request ended. Exactly one of the three kinds.</summary>
abstract record PoolResult
{
    /// <summary>The change is durable in both copies and was acknowledged under a deadline that still held (R1).</summary>
    public sealed record Done(EditOutcome Edit, VolumeGroup Group, ulong Epoch) : PoolResult;

    /// <summary>The change was refused before anything was written.</summary>
    public sealed record Refused(EditOutcome Edit) : PoolResult;

    /// <summary>No byte of it was issued.</summary>
    public sealed record NotIssued(string Why) : PoolResult;

    /// <summary>Bytes were issued and not proven durable: it may appear, or not. Nobody is told "done" or "failed" (R1, R24).</summary>
    public sealed record Unknown(string Why) : PoolResult;
}
