using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Storage;

/// <summary>Makes a storage domain on an empty LUN: the volume group, its special volumes, the leases, our volume <c>spm</c>.</summary>
/// <remarks>
/// The group is born tagged unready; replacing that tag in one commit is the last step, so a crash anywhere leaves something
/// that nobody serves and that may be made again.
/// </remarks>
sealed class DomainCreator(ILun lun, TimeProvider clock, IChoice choice, string host)
{
    /// <summary>Host ids of offline verbs: joining with them takes seconds, whatever the pool's io timeout (R20).</summary>
    public const int FirstOfflineHostId = 240;
    public const int LastOfflineHostId = 249;

    const int ZeroStep = 32 << 20;

    public async Task<PoolDomain> CreateAsync(DomainOptions options)
    {
        Check(options);
        if (options.Wipe)
        {
            await RefuseWhenUsedAsync(options.Wait);
        }
        var uuids = (Vg: NewUuid(), Pv: NewUuid());
        // What cannot be used is refused before the first byte is written anywhere.
        var others = await PrepareOthersAsync(options, uuids.Vg);
        var born = await VolumeGroupFormat.CreateAsync(lun.Metadata, new VgCreateOptions
        {
            Name = options.Domain.ToString(),
            VgUuid = uuids.Vg,
            PvUuid = uuids.Pv,
            ExtentSizeBytes = options.ExtentSizeBytes,
            MetadataAreaBytes = DomainLimits.MetadataAreaBytes,
            Copies = 2,
            Tags = [DomainTag.Unready],
            DeviceHint = lun.Path,
            Wipe = options.Wipe,
        }, clock.GetUtcNow(), host);
        if (born is not FormatOutcome.Created)
        {
            throw NotCreated(born);
        }
        var guard = new CreationGuard();
        var opened = await lun.OpenStoreAsync(clock, host);
        if (opened is not OpenOutcome.Opened { Store: var store })
        {
            throw Refusal.Damaged($"{lun.Path}: what was just written does not read back: {opened}.");
        }
        if (await store.TakeOverAsync(guard) is var taken and not TakeOverOutcome.TakenOver)
        {
            throw Refusal.Damaged($"{lun.Path}: the new volume group cannot be written: {taken}.");
        }
        await CommitAsync(store, guard, "special volumes", CreateSpecialVolumes);
        await FillAsync(store.Current, options);
        foreach (var (_, made) in others)
        {
            await made.WriteAsync(guard);
        }
        await CommitAsync(store, guard, "domain is ready", draft => MarkReady(draft, options, others));
        foreach (var (device, made) in others)
        {
            lun.Others.Join(made.Uuid, device);
            await NewPhysicalVolume.ForgetNoteAsync(device.Metadata, uuids.Vg, (await NewPhysicalVolume.ReadLabelAsync(device.Metadata))!, guard);
        }
        return await PoolDomain.OpenAsync(lun);
    }

    /// <remarks>With --wipe, too, a device of another volume group is refused: nothing here tells whether that is in use.</remarks>
    async Task<List<(ILun Device, NewPhysicalVolume Made)>> PrepareOthersAsync(DomainOptions options, LvmUuid group)
    {
        if (options.Others.Count >= DomainLimits.MaximumDevices)
        {
            throw Refusal.Invalid($"a domain has at most {DomainLimits.MaximumDevices} devices.");
        }
        var replaced = options.Wipe ? (await lun.ReadGroupAsync()).Group : null;
        var prepared = new List<(ILun, NewPhysicalVolume)>();
        foreach (var path in options.Others)
        {
            var device = lun.Others.Open(path);
            if (path == lun.Path || prepared.Any(one => one.Item1.Path == path))
            {
                throw Refusal.Invalid($"{path} is given twice.");
            }
            if (device.SectorSize != lun.SectorSize)
            {
                throw Refusal.Conflict($"{path} has sectors of {device.SectorSize} bytes, {lun.Path} has {lun.SectorSize}: all devices of a domain must be alike.");
            }
            var label = await NewPhysicalVolume.ReadLabelAsync(device.Metadata);
            var wipe = options.Wipe && (label is null || replaced is not null && await IsOfAsync(replaced, device, label.PvUuid, options));
            var (made, problem) = await NewPhysicalVolume.PrepareAsync(
                device.Metadata, group, NewUuid(), options.ExtentSizeBytes, DomainLimits.MetadataAreaBytes, wipe);
            if (made is null)
            {
                throw Refusal.Conflict($"{path}: {problem}. Nothing was written. Give another device{(label is null ? ", or --wipe if all of it may be lost" : "; a device of another volume group is removed there first (vgreduce, pvremove)")}.");
            }
            prepared.Add((device, made));
        }
        return prepared;
    }

    /// <summary>It is a device of that group, or was on its way into it.</summary>
    static async Task<bool> IsOfAsync(VolumeGroup group, ILun device, LvmUuid pv, DomainOptions options) =>
        group.PhysicalVolumes.Any(one => one.Uuid == pv)
        || (await NewPhysicalVolume.PrepareAsync(device.Metadata, group.Uuid, pv, options.ExtentSizeBytes, DomainLimits.MetadataAreaBytes, wipe: false)).Volume is not null;

    /// <summary>--wipe says that the bytes may be lost, not that hosts at work may lose their leases under their guests.</summary>
    async Task RefuseWhenUsedAsync(bool wait)
    {
        if ((await lun.ReadGroupAsync()).Group is not { } group || PoolTags.StateOf(group.Tags) != DomainState.Ready)
        {
            return; // no domain that anybody could be serving
        }
        var error = DomainMetadata.TryParse(group.Tags, out var made, out _);
        if (error == DomainError.None && made!.BlockSize != lun.SectorSize)
        {
            // With the wrong sector size no lease can be read: hosts at work would look like a domain that nobody can use.
            throw Refusal.Conflict(
                $"{lun.Path}: nothing is wiped: domain {group.Name} there has sectors of {made.BlockSize} bytes, and with {lun.SectorSize} it cannot be seen whether it is in use. Give --sector-size {made.BlockSize}, or remove it first.");
        }
        if (error == DomainError.WrongVersion)
        {
            throw Refusal.Conflict(
                $"{lun.Path}: nothing is wiped: domain {group.Name} of oVirt is there, of a version that cannot be read, so it cannot be seen whether its hosts use it. Remove it in oVirt, or empty the LUN with wipefs.");
        }
        StorageDomain there;
        try
        {
            // oVirt's domains, too: its hosts are seen by the host ids they hold.
            there = await StorageDomain.OpenAnyAsync(lun);
        }
        catch (Refusal)
        {
            return; // no domain that anybody could be serving
        }
        await new DomainUse(there, clock).RefuseWhenUsedAsync("nothing is wiped", wait, CancellationToken.None);
    }

    void Check(DomainOptions options)
    {
        if (lun.SizeBytes < DomainLimits.SmallestLunBytes)
        {
            throw Refusal.Conflict(
                $"{lun.Path} has {SizeText.Format(lun.SizeBytes)}; a domain needs {SizeText.Format(DomainLimits.SmallestLunBytes)} at least. Give a larger LUN.");
        }
        if (options.IoTimeoutSeconds is < 1 or > 255 || options.WatchdogTimeoutSeconds is < 0 or > 3600)
        {
            throw Refusal.Invalid("the io timeout must be 1 to 255 s and the watchdog timeout 0 to 3600 s; 10 and 60 are usual.");
        }
        var extent = options.ExtentSizeBytes;
        if (extent < 1 << 20 || extent > 1L << 30 || (extent & (extent - 1)) != 0)
        {
            throw Refusal.Invalid($"an extent size of {SizeText.Format(extent)} is refused; 128M is oVirt's, powers of two from 1M to 1G are possible.");
        }
    }

    Refusal NotCreated(FormatOutcome outcome) => outcome switch
    {
        FormatOutcome.NotEmpty taken => Refusal.Conflict(
            $"{lun.Path} is not empty: {string.Join(", ", taken.Found)}. Nothing was written. Give another LUN, or --wipe if all of it may be lost."),
        FormatOutcome.Refused refused => Refusal.Invalid($"{lun.Path}: {refused.Reason}"),
        _ => Refusal.Damaged($"{lun.Path}: {outcome}"),
    };

    async Task CommitAsync(MetadataStore store, CreationGuard guard, string what, Func<VolumeGroupDraft, EditOutcome> change)
    {
        var draft = new VolumeGroupDraft(store.Current);
        if (change(draft) is var edit && edit is not (EditOutcome.Done or EditOutcome.AlreadyThere))
        {
            throw Refusal.Invalid($"{lun.Path}: {what}: {edit}.");
        }
        if (await store.CommitAsync(draft, guard, $"Write from spm: {what}.") is var outcome and not CommitOutcome.Committed)
        {
            throw Refusal.Damaged($"{lun.Path}: {what}: {outcome}. Create the domain again with --wipe.");
        }
    }

    EditOutcome CreateSpecialVolumes(VolumeGroupDraft draft)
    {
        EditOutcome last = new EditOutcome.Done(0);
        foreach (var special in SpecialVolumes.InCreationOrder)
        {
            // oVirt insists that `metadata` starts at extent 0 of the device that holds the metadata areas.
            var place = special == SpecialVolumes.Metadata ? new Placement(0, 0) : (Placement?)null;
            var extents = DomainLimits.ExtentsFor(special.RealBytes, draft.From.ExtentSizeBytes);
            last = draft.CreateLinear(special.Name, NewUuid(), extents, [], clock.GetUtcNow(), host, place);
            if (last is not EditOutcome.Done)
            {
                return last;
            }
        }
        return last;
    }

    async Task FillAsync(VolumeGroup group, DomainOptions options)
    {
        foreach (var special in SpecialVolumes.InCreationOrder.Where(s => s.ZeroedBytes > 0))
        {
            var start = Start(group, special);
            for (var done = 0L; done < special.ZeroedBytes; done += ZeroStep)
            {
                var length = Math.Min(ZeroStep, special.ZeroedBytes - done);
                var whole = CowSizes.RoundUp(length, lun.SectorSize);
                await lun.Data.ZeroAsync(start + done, whole, mayPunch: false);
            }
        }
        await lun.Data.FlushAsync();
        var geometry = LeaseGeometry.For(lun.SectorSize, (int)DomainLimits.AlignmentBytes);
        var lockspace = options.Domain.ToString();
        var ids = lun.Window(Start(group, SpecialVolumes.Ids), SpecialVolumes.Ids.RealBytes);
        await LockspaceFormat.InitialiseAsync(
            ids, geometry, lockspace, id => id is >= FirstOfflineHostId and <= LastOfflineHostId ? 1 : options.IoTimeoutSeconds);
        var leases = lun.Window(Start(group, SpecialVolumes.Leases), SpecialVolumes.Leases.RealBytes);
        await ResourceFormat.InitialiseAsync(
            leases, DomainLimits.SpmLeaseSlot * DomainLimits.AlignmentBytes, geometry, lockspace, PoolDomain.SpmResource);
        var named = lun.Window(Start(group, SpecialVolumes.ExternalLeases), SpecialVolumes.ExternalLeases.RealBytes);
        await LeaseIndexStore.WriteWholeAsync(named, lockspace, clock.GetUtcNow(), new Dictionary<int, XleasesRecord>());
        var spm = lun.Window(Start(group, SpecialVolumes.Spm), SpecialVolumes.Spm.RealBytes);
        foreach (var write in SpmVolumeCreation.Writes(new Superblock(NewGuid(), options.Domain, SpmLayout.Create(lun.SectorSize))))
        {
            await spm.WriteAsync(write.OffsetBytes, write.Bytes);
        }
    }

    EditOutcome MarkReady(VolumeGroupDraft draft, DomainOptions options, List<(ILun Device, NewPhysicalVolume Made)> others)
    {
        var pv = draft.From.PhysicalVolumes[0];
        var metadata = new DomainMetadata
        {
            Domain = options.Domain,
            Description = options.Description,
            VolumeGroupUuid = draft.From.Uuid.ToString(),
            PhysicalVolumes = [new PhysicalVolumeEntry(DeviceAddition.NameOf(lun.Path), pv.Uuid.ToString(), 0, pv.ExtentCount, 0)],
            BlockSize = lun.SectorSize,
            IoOperationTimeoutSeconds = options.IoTimeoutSeconds,
        };
        var foreignToOvirt = lun.SectorSize != 512 || options.ExtentSizeBytes != DomainLimits.ExtentBytes;
        var pool = new PoolTags(0, options.IoTimeoutSeconds, options.WatchdogTimeoutSeconds, foreignToOvirt);
        var ready = draft.ChangeVgTags([DomainTag.Unready], [DomainTag.Ready, .. metadata.ToTags(), .. pool.ToTagsWithoutEpoch()]);
        foreach (var (device, made) in others)
        {
            // Behind the special volumes, which all lie on the first device.
            ready = ready is EditOutcome.Done ? DeviceAddition.Add(draft, made, device.Path) : ready;
        }
        return ready;
    }

    static long Start(VolumeGroup group, SpecialVolume special) =>
        group.PhysicalVolumes[0].ExtentStartBytes + group.Find(special.Name)!.Segments[0].Areas[0].StartExtent * group.ExtentSizeBytes;

    LvmUuid NewUuid() => LvmUuid.FromRandomBytes(RandomIdentity.Bytes(choice, LvmUuid.Length));

    Guid NewGuid() => RandomIdentity.Guid(choice);
}
