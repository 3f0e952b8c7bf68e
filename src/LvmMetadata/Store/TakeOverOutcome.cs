using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Every way a takeover, or the adoption of a foreign write, ends.</summary>
public abstract record TakeOverOutcome
{
    private TakeOverOutcome()
    {
    }

    /// <summary>This epoch's first commit is durable in every used copy.</summary>
    /// <param name="Group">What is current now.</param>
    /// <param name="RolledForward">Copies that were behind and are not any more, in words.</param>
    /// <param name="Restored">R6: an older text had come back and was replaced from memory; nobody else had written anything new.</param>
    public sealed record TakenOver(VolumeGroup Group, IReadOnlyList<string> RolledForward, bool Restored = false) : TakeOverOutcome;

    /// <summary>R22: the disk has seen an epoch at least as high; raise the lease's version above it first.</summary>
    public sealed record EpochNotAbove(ulong EpochOnDisk) : TakeOverOutcome;

    /// <summary>R22: a foreign writer's text lacks something that was acknowledged. Never repaired by itself: stop and ask.</summary>
    public sealed record ForeignRefused(string Reason) : TakeOverOutcome;

    /// <summary>Nothing was written: the metadata cannot be believed, or may not be written by us.</summary>
    public sealed record NotIssued(string Reason) : TakeOverOutcome;

    /// <summary>As <see cref="CommitOutcome.Unknown"/>.</summary>
    public sealed record Unknown(string Reason) : TakeOverOutcome;
}
