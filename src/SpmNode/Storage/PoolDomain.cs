using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;
using RecordError = OvirtSpm.Volumes.RecordError;

namespace OvirtSpm.Node.Storage;

/// <summary>A domain found on a LUN: who it is, and where its special volumes lie.</summary>
/// <remarks>
/// Special volumes are reached at their mapped offsets on the physical volume with direct I/O; no device-mapper is needed to
/// hold a lease or to commit. R23: they never move while anybody uses them; <see cref="MovedSince"/> notices when they did.
/// </remarks>
sealed class PoolDomain
{
    /// <summary>The SPM's resource, as oVirt calls it.</summary>
    public const string SpmResource = "SDM";

    readonly Dictionary<string, (long Offset, long Length)> places;
    volatile VolumeGroupRead? lastRead;

    PoolDomain(ILun lun, VolumeGroup group, Guid uuid, PoolTags tags, Dictionary<string, (long, long)> places)
    {
        (Lun, Group, Uuid, Tags, this.places, Seen) = (lun, group, uuid, tags, places, new SeenMetadata(group));
        Geometry = LeaseGeometry.For(lun.SectorSize, (int)DomainLimits.AlignmentBytes);
        Ids = Window(SpecialVolumes.Ids);
        Leases = Window(SpecialVolumes.Leases);
        Slots = Window(SpecialVolumes.Metadata);
        Spm = Window(SpecialVolumes.Spm);
        ExternalLeases = Window(SpecialVolumes.ExternalLeases);
        IdsOffset = places[SpecialVolumes.Ids.Name].Item1;
        SpmOffset = places[SpecialVolumes.Spm.Name].Item1;
        Devices = new DomainDevices(lun, group.PhysicalVolumes[0].Uuid, () => lastRead?.Group ?? Group);
    }

    public ILun Lun { get; }

    /// <summary>As it was when the domain was opened.</summary>
    public VolumeGroup Group { get; }

    /// <summary>Which of its devices this host sees, and where volumes lie on them.</summary>
    public DomainDevices Devices { get; }

    /// <summary>Opened from a kept text, because no copy on the LUN can be read.</summary>
    public bool IsMetadataLost { get; private init; }

    public Guid Uuid { get; }

    public PoolTags Tags { get; }

    public LeaseGeometry Geometry { get; }

    public ILeaseArea Ids { get; }

    public ILeaseArea Leases { get; }

    /// <summary>Leases that users name, and the index that finds them.</summary>
    public ILeaseArea ExternalLeases { get; }

    public ILeaseArea Slots { get; }

    public ILeaseArea Spm { get; }

    /// <summary>The pool's identity, and where records and maps lie in the volume <c>spm</c>.</summary>
    public Superblock Superblock { get; private set; } = null!;

    /// <summary>Why the first superblock is not believed while the second one serves; None when all is well.</summary>
    public RecordError SuperblockError { get; private set; }

    public SpmLayout Layout => Superblock.Layout;

    /// <summary>Where the lockspace begins on the LUN, for R7's lock on a host id's sector.</summary>
    public long IdsOffset { get; }

    /// <summary>Where the volume <c>spm</c> begins on the LUN, for the locks of processes that hold a lease.</summary>
    public long SpmOffset { get; }

    public string Lockspace => Uuid.ToString();

    public long SpmLeaseOffset => DomainLimits.SpmLeaseSlot * DomainLimits.AlignmentBytes;

    public LeaseTiming Timing => new(TimeSpan.FromSeconds(Tags.IoTimeoutSeconds), TimeSpan.FromSeconds(Tags.WatchdogTimeoutSeconds));

    /// <exception cref="Refusal">No domain of ours is there, or what is there cannot be believed.</exception>
    public static async Task<PoolDomain> OpenAsync(ILun lun)
    {
        var read = await lun.ReadGroupAsync();
        if (read.Group is null && read.Labels is [{ } label] && read.Copies.Count > 0 && read.Copies.All(copy => copy.State is CopyState.Ignored))
        {
            throw Refusal.Conflict($"{lun.Path} is one of the other devices of a volume group (physical volume {label.PvUuid}): its metadata lie on the first one. Give that.");
        }
        if (read.Group is { } found && read.Labels is [{ } own] && own.PvUuid != found.PhysicalVolumes[0].Uuid)
        {
            throw Refusal.Conflict($"{lun.Path} is not the first device of volume group '{found.Name}', which is {found.PhysicalVolumes[0].Uuid}, last seen as '{found.PhysicalVolumes[0].DeviceHint}'. Give that.");
        }
        return read.Group is { } group
            ? await OpenAsync(lun, group)
            : throw Refusal.Damaged($"{lun.Path}: no volume group can be read. {Copies(read)} 'spm domain check --lun' shows every copy.");
    }

    /// <param name="group">What is on the LUN; where that cannot be read any more, what was.</param>
    /// <param name="isLost">No copy of it can be read: nobody can open the domain but whoever kept its text.</param>
    /// <exception cref="Refusal">It is no domain of ours, or what is there cannot be believed.</exception>
    public static async Task<PoolDomain> OpenAsync(ILun lun, VolumeGroup group, bool isLost = false)
    {
        var state = PoolTags.StateOf(group.Tags);
        if (state != DomainState.Ready)
        {
            throw Refusal.Conflict(state switch
            {
                DomainState.Unready => $"{lun.Path}: the creation of domain {group.Name} did not end. Remove it with 'spm domain remove' and create it again.",
                DomainState.Contradictory => $"{lun.Path}: volume group {group.Name} is tagged both ready and unready; nothing is changed before a person decided.",
                _ => $"{lun.Path}: volume group '{group.Name}' is not a storage domain. 'spm domain create' makes one on an empty LUN.",
            });
        }
        if (DomainMetadata.TryParse(group.Tags, out var described, out var where) is var error && error != DomainError.None)
        {
            throw Refusal.Damaged($"{lun.Path}: the domain's description in the tags of {group.Name} is not believed: {error} at {where}.");
        }
        if (!PoolTags.TryParse(group.Tags, out var tags, out where))
        {
            throw Refusal.Damaged($"{lun.Path}: tag {where} of {group.Name} is malformed or stands there twice.");
        }
        if (described!.BlockSize != lun.SectorSize)
        {
            throw Refusal.Conflict(
                $"{lun.Path}: the domain was made for sectors of {described.BlockSize} bytes, the device has {lun.SectorSize}. Give --sector-size for a file.");
        }
        var domain = new PoolDomain(lun, group, described.Domain, tags, Places(lun, group)) { IsMetadataLost = isLost };
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
    public ValueTask LookForDevicesAsync() => Lun.Others.LookAsync(lastRead?.Group ?? Group);

    /// <summary>R23: null while every special volume lies where it lay when the domain was opened.</summary>
    public string? MovedSince(VolumeGroup now)
    {
        foreach (var special in SpecialVolumes.InCreationOrder.Where(s => places.ContainsKey(s.Name)))
        {
            if (Place(now, special.Name) != places[special.Name])
            {
                return $"the special volume '{special.Name}' was moved or removed while it was in use";
            }
        }
        return null;
    }

    ILeaseArea Window(SpecialVolume special)
    {
        var (offset, length) = places[special.Name];
        return Lun.Window(offset, length);
    }

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

    static Dictionary<string, (long, long)> Places(ILun lun, VolumeGroup group)
    {
        var places = new Dictionary<string, (long, long)>();
        foreach (var special in SpecialVolumes.InCreationOrder)
        {
            places[special.Name] = Place(group, special.Name)
                ?? throw Refusal.Damaged(
                    $"{lun.Path}: domain {group.Name} has no contiguous volume '{special.Name}' on its first device" +
                    (special == SpecialVolumes.Spm ? "; a domain made by oVirt cannot be served yet." : "."));
        }
        return places;
    }

    static (long Offset, long Length)? Place(VolumeGroup group, string name)
    {
        if (group.Find(name) is not { IsLinear: true, Segments: [var only] } lv || only.Areas[0].PvIndex != 0)
        {
            return null;
        }
        return (group.PhysicalVolumes[0].ExtentStartBytes + only.Areas[0].StartExtent * group.ExtentSizeBytes, lv.SizeBytes);
    }

    static string Copies(VolumeGroupRead read) => string.Join(' ', read.Copies.Select(copy => copy.ToString()));
}
