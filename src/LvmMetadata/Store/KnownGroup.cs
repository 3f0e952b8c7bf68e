using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A text of ours that this host saw, for judging a foreign one that follows it (R22).</summary>
/// <param name="IsWhole">This host led the epoch itself and had an answer to each of its commits: nobody else of ours changed anything in it.</param>
public sealed record KnownGroup(VolumeGroup Group, bool IsWhole)
{
    /// <summary>Must everything that <see cref="Group"/> has still be in <paramref name="found"/>?</summary>
    /// <remarks>
    /// A foreign text keeps the epoch of the text it was made from and counts its seqno on. A host that only read may have missed a
    /// rightful removal between the two: its knowledge counts only when it is the very text the foreign one was made from.
    /// </remarks>
    public bool Judges(VolumeGroup found) =>
        Group.HasTripwire && Group.Epoch == found.Epoch && (IsWhole ? Group.Seqno < found.Seqno : Group.Seqno + 1 == found.Seqno);
}
