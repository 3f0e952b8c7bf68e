using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>The verbs of the pool as the SPM of now answers them. Lives as long as its term.</summary>
sealed class PoolVerbs
{
    readonly SpmTerm term;
    readonly ActivationMaps maps;
    readonly Membership membership;
    readonly PoolCounters counters;
    readonly VolumeCreation creation;
    readonly VolumeExtension extension;
    readonly VolumeRemoval removal;

    public PoolVerbs(SpmTerm term, ActivationMaps maps, Membership membership, IVolumeImager imager, IChoice choice, TimeProvider clock, PoolCounters counters)
    {
        (this.term, this.maps, this.membership, this.counters) = (term, maps, membership, counters);
        removal = new VolumeRemoval(term, maps, HostNameAsync);
        creation = new VolumeCreation(
            term, maps, () => membership.Generation, imager, removal, GrowthPolicy.Default, choice, clock, membership.Identity.Name);
        extension = new VolumeExtension(term, maps, () => membership.Generation, imager, WriterOfAsync);
    }

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => LunReader.DescribeAsync(term.Volumes.View());

    public Task<VolumeReply> GetVolumeAsync(string reference) => LunReader.DescribeAsync(term.Volumes.View(), reference);

    public async Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request) => term.Volumes.View().Describe(await creation.CreateAsync(request), []);

    public async Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request)
    {
        try
        {
            var reply = await extension.ExtendAsync(reference, request);
            counters.Extended("done");
            return reply;
        }
        catch (Refusal refusal)
        {
            counters.Extended(refusal.Code.ToString().ToLowerInvariant());
            throw;
        }
    }

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference) => removal.DeleteAsync(reference);

    async Task<string?> WriterOfAsync(VolumeInfo volume, int except) =>
        (await maps.ReadAllAsync()).OtherWriters(volume.Tags.Slot!.Value, except) is [var writer, ..]
            ? await HostNameAsync(writer.Host) + (writer.Use == SlotUse.Unreadable ? " (its map cannot be read, so it counts as in use)" : "")
            : null;

    async Task<string> HostNameAsync(int hostId) => await membership.ReadRecordAsync(hostId) is { } record
        ? $"'{record.Name}' (host id {hostId}{(record.Url.Length > 0 ? ", " + record.Url : "")})"
        : $"host id {hostId}";
}
