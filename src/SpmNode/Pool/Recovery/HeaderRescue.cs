using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>R6b: after an unclean end the headers may name less than was acknowledged; the journal then knows the text and where it lies.</summary>
/// <remarks>
/// A text is named again only if the journal shows that its SPM went on after it, or that no header can be read at all, and only if every
/// byte of it is there. A foreign text is never replaced by this (R22): whoever put it there may have meant it.
/// </remarks>
static class HeaderRescue
{
    /// <param name="read">What the headers lead to.</param>
    /// <param name="journal">Judged by the text of <paramref name="read"/>.</param>
    /// <returns>What was named again, for people; null when nothing was.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public static async ValueTask<string?> RestoreAsync(PoolDomain domain, VolumeGroupRead read, JournalReading journal, PoolFence fence)
    {
        if (journal.HighestEpoch >= fence.Epoch || journal.Later is not null)
        {
            return null;
        }
        foreach (var block in Lost(domain, read, journal).Reverse())
        {
            var (version, commit) = (new MetadataVersion(block.Position.Epoch, block.Commit!.Value.Seqno), block.Commit.Value);
            var text = new NamedText(version, commit.SizeBytes, commit.Checksum, [commit.FirstPlace, commit.SecondPlace]);
            switch (await LostHeaders.NameAsync([domain.Lun.Metadata], read, text, domain.Group.Uuid, fence))
            {
                case null:
                    return $"the headers led to {read.Group?.Version.ToString() ?? "no text"}; the journal names {version}, whose text is whole: the headers name it again (R6b)";
                case { Length: > 0 }:
                    return null;
            }
        }
        return null;
    }

    static IEnumerable<JournalBlock> Lost(PoolDomain domain, VolumeGroupRead read, JournalReading journal) => read.Group switch
    {
        { HasTripwire: true } group when group.Uuid == domain.Group.Uuid => journal.LostAbove(group.Epoch ?? 0, group.Seqno),
        null when read.Copies.Count > 0 && read.Copies.All(copy => copy.State is CopyState.BadHeader or CopyState.BadText or CopyState.Ignored) => journal.Commits,
        _ => [],
    };
}
