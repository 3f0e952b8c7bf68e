using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>Makes a disk usable on this host: the volume, and read-only everything below it.</summary>
/// <remarks>
/// From the base up, so that whoever wants to merge or delete a layer sees our entries before the leaf is served; the chain is
/// followed again afterwards, because it may have been merged in between.
/// </remarks>
sealed class ChainActivator(PoolDomain domain, VolumeActivator activator, TimeProvider clock)
{
    readonly SemaphoreSlim changing = new(1);

    /// <summary>Volumes active only because one above them is.</summary>
    readonly HashSet<Guid> below = [];

    /// <param name="exclusive">Of the volume itself: what is below it is only read, and several disks may share it.</param>
    public async Task<ActivateVolumeReply> ActivateAsync(string reference, bool readOnly, bool exclusive = false)
    {
        await changing.WaitAsync();
        try
        {
            var chain = Chain(await LunReader.SettledViewAsync(domain, clock), reference);
            var added = new List<Guid>();
            try
            {
                foreach (var layer in chain.Skip(1).Reverse())
                {
                    if (activator.Find(layer.Uuid) is null)
                    {
                        added.Add(layer.Uuid);
                        below.Add(layer.Uuid);
                    }
                    await activator.ActivateAsync(layer.Name, readOnly: true);
                }
                var isNew = activator.Find(chain[0].Uuid) is null;
                var active = await activator.ActivateAsync(chain[0].Name, readOnly, exclusive);
                if (chain.Count > 1 && !Chain(await LunReader.SettledViewAsync(domain, clock), chain[0].Name).Select(v => v.Uuid).SequenceEqual(chain.Select(v => v.Uuid)))
                {
                    if (isNew)
                    {
                        await activator.DeactivateAsync(active.Volume, active.Slot);
                    }
                    throw Refusal.Conflict($"the chain of volume {chain[0].Name} changed while it was being activated; ask again.");
                }
                below.Remove(active.Volume);
                return Describe(active, chain);
            }
            catch
            {
                await ReleaseAsync(added);
                throw;
            }
        }
        finally
        {
            changing.Release();
        }
    }

    /// <summary>What is active because of it goes, too, unless another active volume needs it.</summary>
    public async Task DeactivateAsync(Guid volume, int? slot)
    {
        await changing.WaitAsync();
        try
        {
            var chains = ActiveChains(await LunReader.ViewAsync(domain));
            if (chains.FirstOrDefault(chain => chain[0].Uuid != volume && chain.Any(layer => layer.Uuid == volume)) is { } user)
            {
                throw Refusal.Conflict($"volume {volume} is below {user[0].Name}, which is active here; deactivate that one first.");
            }
            await activator.DeactivateAsync(volume, slot);
            if (chains.FirstOrDefault(chain => chain[0].Uuid == volume) is { } own)
            {
                var needed = chains.Where(chain => chain[0].Uuid != volume && !below.Contains(chain[0].Uuid)).SelectMany(chain => chain.Select(layer => layer.Uuid)).ToHashSet();
                await ReleaseAsync([.. own.Skip(1).Select(layer => layer.Uuid).Where(layer => !needed.Contains(layer) && below.Contains(layer))]);
            }
        }
        finally
        {
            changing.Release();
        }
    }

    /// <summary>Ends deactivations that the storage cut short.</summary>
    /// <remarks>
    /// The last write of one may clear the entry and come back as failed. Then the volume may be deleted before anybody asks again, and its
    /// slot would be held here for a volume that is gone for as long as this node runs.
    /// </remarks>
    public async Task EndDeactivationsAsync()
    {
        foreach (var there in activator.Active.Where(active => active.Export.IsClosed))
        {
            try
            {
                await DeactivateAsync(there.Volume, there.Slot);
            }
            catch (Exception later) when (later is Refusal or IOException)
            {
                // Writes that have not returned, or storage that still does not answer: asked again.
            }
        }
    }

    /// <summary>After a restart: what is read-only below another active volume was activated with it.</summary>
    public async Task RestoredAsync()
    {
        if (activator.Active.All(active => !active.ReadOnly))
        {
            return;
        }
        await changing.WaitAsync();
        try
        {
            foreach (var layer in ActiveChains(await LunReader.ViewAsync(domain)).SelectMany(chain => chain.Skip(1)))
            {
                below.Add(layer.Uuid);
            }
        }
        finally
        {
            changing.Release();
        }
    }

    List<IReadOnlyList<VolumeInfo>> ActiveChains(DomainView view) =>
    [
        .. activator.Active.Select(active => view.Find(active.Volume)).OfType<VolumeInfo>()
            .Select(volume => ImageChain.Of(volume, view.Find)).OfType<ImageChain.Whole>().Select(whole => whole.Volumes),
    ];

    async Task ReleaseAsync(IReadOnlyList<Guid> volumes)
    {
        foreach (var volume in volumes)
        {
            if (activator.Find(volume) is { } active)
            {
                await activator.DeactivateAsync(volume, active.Slot);
            }
            below.Remove(volume);
        }
    }

    static IReadOnlyList<VolumeInfo> Chain(DomainView view, string reference)
    {
        var volume = view.Find(reference);
        return ImageChain.Of(volume, view.Find) switch
        {
            ImageChain.Whole whole => whole.Volumes,
            ImageChain.Broken broken => throw Refusal.Conflict($"volume {volume.Name} cannot be used: {broken.Text}."),
            _ => throw new InvalidOperationException("a closed set of chains"),
        };
    }

    ActivateVolumeReply Describe(ActiveVolume active, IReadOnlyList<VolumeInfo> chain) => new(
        active.Volume.ToString(), active.Served.SocketPath, active.ReadOnly, active.Export.AllocatedBytes, active.Export.SizeBytes, active.BlockDevice,
        chain.Count == 1 ? [] : [.. chain.Reverse().SelectMany(layer => Nodes(layer, chain))], active.IsExclusive);

    /// <summary>Everything QEMU is told to open the disk: names in headers are not followed.</summary>
    IEnumerable<string> Nodes(VolumeInfo layer, IReadOnlyList<VolumeInfo> chain)
    {
        var active = activator.Find(layer.Uuid)!;
        yield return active.BlockDevice;
        var file = ActiveVolume.NodeName("spm", layer.Uuid);
        var name = ActiveVolume.NodeName("disk", layer.Uuid);
        var access = active.ReadOnly ? ",read-only=on" : "";
        yield return layer.Slot!.Format == VolumeFormat.Raw
            ? $"driver=raw,node-name={name},file={file}{access}"
            : layer.Parent == Guid.Empty
                ? $"{{\"driver\":\"qcow2\",\"node-name\":\"{name}\",\"file\":\"{file}\",\"backing\":null,\"read-only\":{(active.ReadOnly ? "true" : "false")}}}"
                : $"driver=qcow2,node-name={name},file={file},backing={ActiveVolume.NodeName("disk", layer.Parent)}{access}";
    }
}
