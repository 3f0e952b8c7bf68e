using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Roles;

/// <summary>Writing verbs straight on the LUN: what can be refused is refused before a host id is taken or a byte written.</summary>
/// <remarks>The look before is only for comfort; everything is judged again under the lease.</remarks>
sealed class OfflineVerbs(ILun lun, OfflinePorts ports, bool wait) : IPoolVerbs
{
    readonly LunReader reader = new(lun);

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => reader.ListVolumesAsync();

    public Task<VolumeReply> GetVolumeAsync(string reference) => reader.GetVolumeAsync(reference);

    public async Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        var view = await reader.ViewAsync();
        if (request is { Parent: null, Source: null })
        {
            WantedVolume.From(request, view.Domain.Uuid, view.Group.ExtentSizeBytes, ports.Choice);
        }
        await using var pool = await OpenAsync();
        return await pool.CreateVolumeAsync(request, progress, stop);
    }

    public async Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request)
    {
        var view = await reader.ViewAsync();
        VolumeExtension.Check(view.Find(reference), request.SizeBytes, view.Group.ExtentSizeBytes);
        await using var pool = await OpenAsync();
        return await pool.ExtendVolumeAsync(reference, request);
    }

    public async Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null)
    {
        var view = await reader.ViewAsync();
        var volume = view.Find(reference);
        VolumeRemoval.Check(view, volume);
        await using var pool = await OpenAsync();
        // By its whole uuid: what the name meant when we looked is what is deleted, whatever else got that name since.
        try
        {
            return await pool.DeleteVolumeAsync(volume.Name, request, wipe, discard, progress);
        }
        catch (Refusal gone) when (gone.Code == RefusalCode.NotFound && (volume.Tags.Initializing || volume.Tags.Removal != RemovalMark.None))
        {
            // Whoever becomes SPM brings to an end what was left open: this one did, before it was asked.
            return new DeleteVolumeReply(volume.Name, volume.AllocatedBytes, (await reader.ViewAsync()).Group.Seqno);
        }
    }

    public async Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null)
    {
        var volume = (await reader.ViewAsync()).Find(reference);
        await using var pool = await OpenAsync();
        try
        {
            return await pool.ChangeVolumeAsync(volume.Name, change, progress);
        }
        catch (Refusal gone) when (gone.Code == RefusalCode.NotFound && change.IsMerge)
        {
            // Left open by a former SPM, and brought to its end before this one was asked.
            return VolumeReply.Merged(volume.Name);
        }
    }

    public async Task<SpaceReply> SetSpaceAsync(SpaceRequest request)
    {
        SpaceSetting.Check(request);
        await using var pool = await OpenAsync();
        return await pool.SetSpaceAsync(request);
    }

    public async Task<GuardReply> GuardAsync(GuardRequest request)
    {
        if (request.On is { } on && await reader.ViewAsync() is var view)
        {
            GuardSetting.Check(view.Domain, view.Group, on);
        }
        await using var pool = await OpenAsync();
        return await pool.GuardAsync(request);
    }

    public async Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request)
    {
        // What cannot be opened is refused before anything is taken.
        lun.Others.Release(lun.Others.Open(request.Path));
        await using var pool = await OpenAsync();
        return await pool.AddDeviceAsync(request);
    }

    public async Task<GarbageReply> GarbageAsync(bool collect)
    {
        if (!collect)
        {
            return await reader.GarbageAsync(collect: false);
        }
        await using var pool = await OpenAsync();
        return await pool.GarbageAsync(collect: true);
    }

    public ValueTask DisposeAsync()
    {
        lun.Dispose();
        return ValueTask.CompletedTask;
    }

    Task<OfflinePool> OpenAsync() => OfflinePool.OpenAsync(lun, ports, wait, CancellationToken.None);
}
