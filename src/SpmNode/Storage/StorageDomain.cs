using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>A storage domain found on a LUN: who it is, and where its special volumes lie. Anybody's, oVirt's too; enough to read it.</summary>
/// <remarks>
/// Special volumes are reached at their mapped offsets on the physical volume with direct I/O; no device-mapper is needed to
/// hold a lease or to commit. What may also be led and served is a <see cref="PoolDomain"/>.
/// </remarks>
class StorageDomain
{
    /// <summary>The SPM's resource, as oVirt calls it.</summary>
    public const string SpmResource = "SDM";

    readonly Dictionary<string, (long Offset, long Length)> places;

    protected StorageDomain(ILun lun, VolumeGroup group, DomainMetadata description, PoolTags tags)
    {
        (Lun, Group, Description, Tags, places) = (lun, group, description, tags, Places(lun, group));
        Geometry = LeaseGeometry.For(lun.SectorSize, (int)DomainLimits.AlignmentBytes);
        Ids = Window(SpecialVolumes.Ids);
        Leases = Window(SpecialVolumes.Leases);
        Slots = Window(SpecialVolumes.Metadata);
        ExternalLeases = Window(SpecialVolumes.ExternalLeases);
        IdsOffset = places[SpecialVolumes.Ids.Name].Offset;
        Devices = new DomainDevices(lun, group.PhysicalVolumes[0].Uuid, () => Latest);
    }

    public ILun Lun { get; }

    /// <summary>As it was when the domain was opened.</summary>
    public VolumeGroup Group { get; }

    /// <summary>Which of its devices this host sees, and where volumes lie on them.</summary>
    public DomainDevices Devices { get; }

    /// <summary>The newest group that was read.</summary>
    public virtual VolumeGroup Latest => Group;

    public DomainMetadata Description { get; }

    public Guid Uuid => Description.Domain;

    public PoolTags Tags { get; }

    public LeaseGeometry Geometry { get; }

    public SlotLayout SlotLayout => SlotLayout.Of(Description.Version);

    public ILeaseArea Ids { get; }

    public ILeaseArea Leases { get; }

    /// <summary>Leases that users name, and the index that finds them.</summary>
    public ILeaseArea ExternalLeases { get; }

    public ILeaseArea Slots { get; }

    /// <summary>Where the lockspace begins on the LUN, for R7's lock on a host id's sector.</summary>
    public long IdsOffset { get; }

    public string Lockspace => Uuid.ToString();

    public long SpmLeaseOffset => DomainLimits.SpmLeaseSlot * DomainLimits.AlignmentBytes;

    public LeaseTiming Timing => new(TimeSpan.FromSeconds(Tags.IoTimeoutSeconds), TimeSpan.FromSeconds(Tags.WatchdogTimeoutSeconds));

    /// <summary>To look at it: a <see cref="PoolDomain"/> when it carries the volume <c>spm</c>.</summary>
    /// <exception cref="Refusal">No domain is there, or what is there cannot be believed.</exception>
    public static async Task<StorageDomain> OpenAnyAsync(ILun lun)
    {
        var group = await FirstGroupAsync(lun);
        return group.Find(SpecialVolumes.Spm.Name) is null ? await OfOvirtAsync(lun, group) : await PoolDomain.OpenAsync(lun, group);
    }

    /// <summary>R23: null while every special volume lies where it lay when the domain was opened.</summary>
    public string? MovedSince(VolumeGroup now)
    {
        foreach (var (name, place) in places)
        {
            if (Place(now, name) != place)
            {
                return $"the special volume '{name}' was moved or removed while it was in use";
            }
        }
        return null;
    }

    static async Task<StorageDomain> OfOvirtAsync(ILun lun, VolumeGroup group)
    {
        var (description, tags) = Described(lun, group);
        var domain = new StorageDomain(lun, group, description, tags);
        await lun.Others.LookAsync(group);
        return domain;
    }

    /// <exception cref="Refusal">No group can be read, or this LUN is not its first device.</exception>
    protected static async Task<VolumeGroup> FirstGroupAsync(ILun lun)
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
        return read.Group ?? throw Refusal.Damaged(
            $"{lun.Path}: no volume group can be read. {string.Join(' ', read.Copies.Select(copy => copy.ToString()))} 'spm domain check --lun' shows every copy.");
    }

    /// <exception cref="Refusal">It is no domain, or its tags cannot be believed.</exception>
    protected static (DomainMetadata Description, PoolTags Tags) Described(ILun lun, VolumeGroup group)
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
            throw Refusal.Damaged($"{lun.Path}: the domain's description in the tags of {group.Name} is not believed: {OvirtSpm.Volumes.Explanation.Of(error, where)} ({error} at {where}).");
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
        if (described.AlignmentBytes != DomainLimits.AlignmentBytes)
        {
            throw Refusal.Conflict($"{lun.Path}: the leases of domain {group.Name} lie {described.AlignmentBytes} bytes apart; only {DomainLimits.AlignmentBytes} is supported. Use it with oVirt.");
        }
        return (described, tags);
    }

    protected ILeaseArea Window(SpecialVolume special)
    {
        var (offset, length) = places[special.Name];
        return Lun.Window(offset, length);
    }

    protected long OffsetOf(SpecialVolume special) => places[special.Name].Offset;

    static Dictionary<string, (long, long)> Places(ILun lun, VolumeGroup group)
    {
        var places = new Dictionary<string, (long, long)>();
        foreach (var special in SpecialVolumes.InCreationOrder.Where(special => special != SpecialVolumes.Spm || group.Find(special.Name) is not null))
        {
            places[special.Name] = Place(group, special.Name)
                ?? throw Refusal.Damaged($"{lun.Path}: domain {group.Name} has no contiguous volume '{special.Name}' on its first device.");
            if (places[special.Name].Item2 < special.NominalBytes)
            {
                throw Refusal.Damaged($"{lun.Path}: the volume '{special.Name}' of domain {group.Name} has {places[special.Name].Item2} bytes; {special.Purpose} need {special.NominalBytes}.");
            }
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
}
