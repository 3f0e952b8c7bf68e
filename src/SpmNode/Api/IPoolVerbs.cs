namespace OvirtSpm.Node.Api;

/// <summary>What can be asked of a pool: through a node's API, or straight on the LUN.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface IPoolVerbs : IAsyncDisposable
{
    Task<IReadOnlyList<VolumeReply>> ListVolumesAsync();

    /// <param name="reference">Uuid, unique prefix of one, or alias.</param>
    Task<VolumeReply> GetVolumeAsync(string reference);

    Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request);

    Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request);

    /// <param name="request">R24: the id of this request; null for none.</param>
    /// <param name="wipe">Overwrite it with zeros first.</param>
    Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false);

    Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change);

    /// <summary>Makes the domain larger by a device. Asking twice adds it once.</summary>
    Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request);

    /// <summary>What crashes left behind.</summary>
    /// <param name="collect">Take away what is proven to be nobody's; false: a dry run that writes nothing.</param>
    Task<GarbageReply> GarbageAsync(bool collect);
}
