using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
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
    readonly ImageWork work;
    readonly ImageVerbs images;

    public PoolVerbs(SpmTerm term, ActivationMaps maps, Membership membership, IVolumeImager imager, IChoice choice, TimeProvider clock, PoolCounters counters)
    {
        (this.term, this.maps, this.membership, this.counters) = (term, maps, membership, counters);
        removal = new VolumeRemoval(term, maps, HostNameAsync);
        work = new ImageWork(term, maps, () => membership.Generation, HostNameAsync);
        creation = new VolumeCreation(
            term, maps, () => membership.Generation, imager, removal, work, GrowthPolicy.Default, choice, clock, membership.Identity.Name);
        extension = new VolumeExtension(term, maps, () => membership.Generation, imager, WriterOfAsync);
        images = new ImageVerbs(work, imager, GrowthPolicy.Default, removal);
    }

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => LunReader.DescribeAsync(term.Volumes.View());

    public Task<VolumeReply> GetVolumeAsync(string reference) => LunReader.DescribeAsync(term.Volumes.View(), reference);

    public async Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request) => Describe(await creation.CreateAsync(request));

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

    public async Task<DeleteVolumeReply> DeleteVolumeAsync(string reference)
    {
        var volume = term.Volumes.Find(reference);
        using var locked = work.Locks.Take([volume.Uuid]);
        var deleted = await removal.DeleteAsync(volume.Name);
        await new ImageLabels(work).ChildLeftAsync(volume.Parent);
        return deleted;
    }

    public async Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change) =>
        Describe(await images.ChangeAsync(reference, change, CancellationToken.None));

    VolumeReply Describe(VolumeInfo volume) => term.Volumes.View().Describe(volume, []);

    async Task<string?> WriterOfAsync(VolumeInfo volume, int except) =>
        (await maps.ReadAllAsync()).OtherWriters(volume.Tags.Slot!.Value, except) is [var writer, ..]
            ? await HostNameAsync(writer.Host) + (writer.Use == SlotUse.Unreadable ? " (its map cannot be read, so it counts as in use)" : "")
            : null;

    async Task<string> HostNameAsync(int hostId) => await membership.ReadRecordAsync(hostId) is { } record
        ? $"'{record.Name}' (host id {hostId}{(record.Url.Length > 0 ? ", " + record.Url : "")})"
        : $"host id {hostId}";
}
