using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>What reading the metadata found.</summary>
/// <param name="Group">The newest text by (epoch, seqno), or null: then <paramref name="Problem"/> says why.</param>
/// <param name="Copies">Every metadata area of every label, in order of devices and areas.</param>
/// <param name="Problem">For people: what is wrong, where, and what to do; null when nothing is.</param>
/// <param name="RingTexts">Texts found by searching the ring when no header was believable: for diagnosis only, never adopted.</param>
public sealed record VolumeGroupRead(
    VolumeGroup? Group, IReadOnlyList<CopyReport> Copies, string? Problem, IReadOnlyList<RingText> RingTexts)
{
    /// <summary>The label of each device, in their order; null where none was believed.</summary>
    public IReadOnlyList<PvLabel?> Labels { get; init; } = [];

    /// <summary>Why the group must not be written although it can be read: devices missing or too small; or null.</summary>
    public string? WriteProblem { get; init; }

    /// <summary>Areas that count: neither ignored nor beyond belief.</summary>
    public int UsedCopies => Copies.Count(copy => copy.State is CopyState.Current or CopyState.Stale or CopyState.Empty);
}
