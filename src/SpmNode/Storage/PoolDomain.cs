using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;
using RecordError = OvirtSpm.Volumes.RecordError;

namespace OvirtSpm.Node.Storage;

/// <summary>A domain that we may lead and serve: version 5, with the volume <c>spm</c> in it.</summary>
/// <remarks>R23: special volumes never move while anybody uses them; <see cref="StorageDomain.MovedSince"/> notices when they did.</remarks>
sealed class PoolDomain : StorageDomain
{
    volatile VolumeGroupRead? lastRead;

    PoolDomain(ILun lun, VolumeGroup group, DomainMetadata description, PoolTags tags) : base(lun, group, description, tags)
    {
        Seen = new SeenMetadata(group);
        Spm = Window(SpecialVolumes.Spm);
        SpmOffset = OffsetOf(SpecialVolumes.Spm);
    }

    /// <summary>Opened from a kept text, because no copy on the LUN can be read.</summary>
    public bool IsMetadataLost { get; private init; }

    public ILeaseArea Spm { get; }

    public override VolumeGroup Latest => lastRead?.Group ?? Group;

    /// <summary>The pool's identity, and where records and maps lie in the volume <c>spm</c>.</summary>
    public Superblock Superblock { get; private set; } = null!;

    /// <summary>Why the first superblock is not believed while the second one serves; None when all is well.</summary>
    public RecordError SuperblockError { get; private set; }

    public SpmLayout Layout => Superblock.Layout;

    /// <summary>Where the volume <c>spm</c> begins on the LUN, for the locks of processes that hold a lease.</summary>
    public long SpmOffset { get; }

    /// <exception cref="Refusal">No domain of ours is there, or what is there cannot be believed.</exception>
    public static async Task<PoolDomain> OpenAsync(ILun lun) => await OpenAsync(lun, await FirstGroupAsync(lun));

    /// <param name="group">What is on the LUN; where that cannot be read any more, what was.</param>
    /// <param name="isLost">No copy of it can be read: nobody can open the domain but whoever kept its text.</param>
    /// <exception cref="Refusal">It is no domain of ours, or what is there cannot be believed.</exception>
    public static async Task<PoolDomain> OpenAsync(ILun lun, VolumeGroup group, bool isLost = false)
    {
        var (description, tags) = Described(lun, group);
        if (description.Version != DomainLimits.Version)
        {
            throw Refusal.Conflict(
                $"{lun.Path}: domain {group.Name} is of version {description.Version}: it can be read ('spm domain info', 'spm volume list'), nothing of it is changed. Upgrade it to version {DomainLimits.Version} in oVirt, then 'spm domain adopt' takes it over.");
        }
        if (group.Find(SpecialVolumes.Spm.Name) is null)
        {
            throw Refusal.Conflict(
                $"{lun.Path}: domain {group.Name} has no volume 'spm': oVirt made it, and it was not adopted. It can be read as it is; 'spm domain adopt --lun {lun.Path}' shows what is added before it can be served.");
        }
        var domain = new PoolDomain(lun, group, description, tags) { IsMetadataLost = isLost };
        await domain.CheckSuperblockAsync();
        await lun.Others.LookAsync(group);
        return domain;
    }

    /// <summary>What this process has seen of the metadata.</summary>
    public SeenMetadata Seen { get; }

    /// <summary>What is on the LUN now. While the headers say what they said at the last call, no text is read again.</summary>
    /// <remarks>A header names its text by place, length and checksum, and each commit writes both.</remarks>
    public async ValueTask<VolumeGroupRead> ReadMetadataAsync()
    {
        if (lastRead is { Group: { } known } last && known.Version >= Seen.Newest && !await MetadataReader.PollAsync([Lun.Metadata], last))
        {
            await Lun.Others.LookAsync(known);
            return last;
        }
        var read = await Lun.ReadGroupAsync(Seen.Newest);
        if (read.Group is { } group)
        {
            await Lun.Others.LookAsync(group);
        }
        return lastRead = read;
    }

    /// <summary>Devices that the newest text known here names, and that were not found before.</summary>
    public ValueTask LookForDevicesAsync() => Lun.Others.LookAsync(Latest);

    async Task CheckSuperblockAsync()
    {
        var sector = new byte[Lun.SectorSize];
        await Spm.ReadAsync(SpmLayout.SuperblockOffsetBytes, sector);
        var error = SuperblockError = Superblock.TryParse(sector, Uuid, out var superblock);
        if (error is RecordError.Empty or RecordError.WrongMagic or RecordError.WrongChecksum)
        {
            // Damaged, not strange: the second one was written first and says the same. What a later version or another
            // pool wrote is never worked around.
            await Spm.ReadAsync(SpmLayout.SuperblockCopyOffsetBytes, sector);
            error = Superblock.TryParse(sector, Uuid, out superblock) == RecordError.None ? RecordError.None : error;
        }
        if (error != RecordError.None)
        {
            throw Refusal.Damaged(
                $"{Lun.Path}: sector 0 of the volume 'spm' is not believed: {OvirtSpm.Volumes.Explanation.Of(error)} ({error}), and the second superblock does not replace it. Nothing is guessed: compare 'spm domain check --lun', and serve this domain with the version of spm that made it.");
        }
        Superblock = superblock!;
    }
}
