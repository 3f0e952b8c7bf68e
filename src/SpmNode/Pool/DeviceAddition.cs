using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Pool;

/// <summary>Makes the domain larger by a device: its label first, then the text that names it; what a crash leaves is taken again.</summary>
sealed class DeviceAddition(SpmTerm term, IChoice choice)
{
    readonly SemaphoreSlim one = new(1);

    public async Task<AddDeviceReply> AddAsync(AddDeviceRequest request)
    {
        await one.WaitAsync();
        try
        {
            var others = term.Domain.Lun.Others;
            var device = others.Open(request.Path);
            try
            {
                return await AddAsync(device);
            }
            finally
            {
                others.Release(device);
            }
        }
        finally
        {
            one.Release();
        }
    }

    async Task<AddDeviceReply> AddAsync(ILun device)
    {
        var group = term.Worker.Current;
        var label = await NewPhysicalVolume.ReadLabelAsync(device.Metadata);
        if (label is not null && group.PhysicalVolumes.FirstOrDefault(pv => pv.Uuid == label.PvUuid) is { } there)
        {
            return await AlreadyAsync(device, label, there);
        }
        RefuseUnfit(device, group);
        var (made, problem) = await NewPhysicalVolume.PrepareAsync(
            device.Metadata, group.Uuid, LvmUuid.FromRandomBytes(RandomIdentity.Bytes(choice, LvmUuid.Length)), group.ExtentSizeBytes, DomainLimits.MetadataAreaBytes,
            wipe: false);
        if (made is null)
        {
            throw Refusal.Conflict(
                $"{device.Path}: {problem}. Nothing was written. Give another device; if all of it may be lost, empty it first (wipefs -a; pvremove for a device of a volume group).");
        }
        // R8: before the first byte, so that whoever waits for writes waits for these, too.
        term.Domain.Lun.Others.Join(made.Uuid, device);
        if (!await WriteAsync(made))
        {
            throw Refusal.NotLeader($"{device.Path} was not added: this host stopped being SPM. Ask again; the next SPM goes on where this one stopped.");
        }
        var result = await term.Worker.SubmitAsync($"add device {Path.GetFileName(device.Path)}", draft => Add(draft, made, device.Path));
        if (result is not PoolResult.Done done)
        {
            throw PoolRefusals.Of(result, $"{device.Path} was not added", group);
        }
        await ForgetNoteAsync(device);
        return Reply(device, made.Uuid, done.Edit is EditOutcome.Done, done.Group);
    }

    async Task<bool> WriteAsync(NewPhysicalVolume made)
    {
        using var entry = term.Fence.Enter();
        return await made.WriteAsync(term.Fence);
    }

    async Task<AddDeviceReply> AlreadyAsync(ILun device, PvLabel label, PhysicalVolume there)
    {
        if (there.Index == 0)
        {
            throw Refusal.Conflict($"{device.Path} is the first device of this domain.");
        }
        if (device.SizeBytes < there.ExtentStartBytes + there.ExtentCount * term.Worker.Current.ExtentSizeBytes)
        {
            throw Refusal.Damaged($"{device.Path} carries the label of {there.SectionName} of this domain, but has only {device.SizeBytes} bytes. Nothing was changed.");
        }
        await ForgetNoteAsync(device);
        term.Domain.Lun.Others.Join(label.PvUuid, device);
        return Reply(device, label.PvUuid, added: false, term.Worker.Current);
    }

    /// <summary>The note tells what a crash left behind from a device of another group; once the text is durable it says nothing any more.</summary>
    async Task ForgetNoteAsync(ILun device)
    {
        try
        {
            using var entry = term.Fence.Enter();
            if (await NewPhysicalVolume.ReadLabelAsync(device.Metadata) is { } label)
            {
                await NewPhysicalVolume.ForgetNoteAsync(device.Metadata, term.Domain.Group.Uuid, label, term.Fence);
            }
        }
        catch (IOException)
        {
            // It is one of the domain's devices all the same; asking again takes the note away.
        }
    }

    void RefuseUnfit(ILun device, VolumeGroup group)
    {
        var lun = term.Domain.Lun;
        var why = device.SectorSize != lun.SectorSize ? $"it has sectors of {device.SectorSize} bytes, the domain has {lun.SectorSize}"
            : group.PhysicalVolumes.Length >= DomainLimits.MaximumDevices ? $"the domain has {group.PhysicalVolumes.Length} devices, the most oVirt can use"
            : null;
        if (why is not null)
        {
            throw Refusal.Conflict($"{device.Path} was not added: {why}. Nothing was written.");
        }
    }

    /// <summary>The physical volume and what the domain's tags say of it, in one commit.</summary>
    public static EditOutcome Add(VolumeGroupDraft draft, NewPhysicalVolume made, string path)
    {
        if (draft.PhysicalVolumes.Any(pv => pv.Uuid == made.Uuid))
        {
            return new EditOutcome.AlreadyThere(made.Extents.Count);
        }
        if (DomainMetadata.TryParse(draft.Tags, out var before, out var where) is var error && error != DomainError.None)
        {
            return new EditOutcome.Refused($"the domain's description in the tags is not believed: {error} at {where}");
        }
        var after = before! with { PhysicalVolumes = Described(before.PhysicalVolumes, draft.PhysicalVolumes, made, path) };
        if (after.Problem() is { } problem)
        {
            return new EditOutcome.Refused(problem);
        }
        // The tags first: they are what could be refused.
        return draft.ReplaceVgTags(before.ToTags(), after.ToTags()) is EditOutcome.Refused refused
            ? refused
            : draft.AddPhysicalVolume(made.Uuid, path, made.Extents);
    }

    static EquatableList<PhysicalVolumeEntry> Described(IEnumerable<PhysicalVolumeEntry> known, IEnumerable<PhysicalVolume> there, NewPhysicalVolume made, string path) =>
        [.. known, new PhysicalVolumeEntry(NameOf(path), made.Uuid.ToString(), 0, made.Extents.Count, there.Sum(pv => pv.ExtentCount))];

    /// <summary>The LUN's name as oVirt's tags want it.</summary>
    public static string NameOf(string path) => Path.GetFileName(path).Replace(',', '_');

    AddDeviceReply Reply(ILun device, LvmUuid pv, bool added, VolumeGroup group) => new(
        device.Path, pv.ToString(), added, device.SizeBytes, group.TotalExtents * group.ExtentSizeBytes, term.Domain.Devices.FreeExtents(group) * group.ExtentSizeBytes, group.Seqno);
}
