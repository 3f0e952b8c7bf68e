namespace OvirtSpm.Node.Api;

/// <summary>What can be asked of a pool: through a node's API, or straight on the LUN.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface IPoolVerbs : IAsyncDisposable
{
    Task<IReadOnlyList<VolumeReply>> ListVolumesAsync();

    /// <param name="reference">Uuid, unique prefix of one, or alias.</param>
    Task<VolumeReply> GetVolumeAsync(string reference);

    /// <param name="progress">Told how much of the content is copied, 0 to 1, if any is.</param>
    /// <param name="stop">Takes it back, as long as it is not filled.</param>
    Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default);

    Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request);

    /// <param name="request">R24: the id of this request; null for none.</param>
    /// <param name="wipe">Overwrite it with zeros first.</param>
    /// <param name="discard">Tell the storage that the contents are not needed any more, behind the zeros.</param>
    /// <param name="progress">Told how much of it is emptied, 0 to 1.</param>
    Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null);

    Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null);

    /// <summary>Changes the rules for space.</summary>
    Task<SpaceReply> SetSpaceAsync(SpaceRequest request);

    /// <summary>Makes the domain larger by a device. Asking twice adds it once.</summary>
    Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request);

    /// <summary>What crashes left behind.</summary>
    /// <param name="collect">Take away what is proven to be nobody's; false: a dry run that writes nothing.</param>
    Task<GarbageReply> GarbageAsync(bool collect);
}
