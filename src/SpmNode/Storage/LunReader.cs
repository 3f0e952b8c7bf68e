using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Garbage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>Reading verbs straight on the LUN: no lease, no write, whatever hosts are doing.</summary>
sealed class LunReader(ILun lun) : IPoolVerbs
{
    /// <summary>A commit takes milliseconds; one that takes longer is waited for by asking again.</summary>
    static readonly TimeSpan SettlingLimit = TimeSpan.FromSeconds(1), SettlingPause = TimeSpan.FromMilliseconds(10);

    public async Task<DomainView> ViewAsync()
    {
        var domain = await StorageDomain.OpenAnyAsync(lun);
        return await DomainView.ReadAsync(domain, domain.Group);
    }

    /// <summary>The group as it is now; a writer at work is waited out by reading again.</summary>
    public static async Task<DomainView> ViewAsync(PoolDomain domain) => await ViewAsync(domain, await domain.ReadMetadataAsync());

    /// <summary>As <see cref="ViewAsync(PoolDomain)"/>, but only what every copy names: for whoever serves volumes by it.</summary>
    /// <remarks><code>
    /// former SPM                      SPM of now                      this host
    /// commit 46: header 1 hangs
    ///                                 takes over from 45
    /// header 1 (46) lands late
    ///                                                                 reads 46 and serves by it
    ///                                 header 2, above 46
    ///                                 gives 46's extents to another
    /// </code>What one header names may never have been committed; header 2 is written only while the lease holds (R2). A copy that cannot be
    /// read at all is left out: the other one has to do then.</remarks>
    /// <exception cref="Refusal">The copies go on naming different texts: an SPM ended in the middle of a commit, and another one settles it.</exception>
    public static async Task<DomainView> SettledViewAsync(PoolDomain domain, TimeProvider clock)
    {
        VolumeGroupRead? before = null;
        for (var started = clock.GetTimestamp(); ;)
        {
            var read = await domain.ReadMetadataAsync();
            if (read.Copies.FirstOrDefault(copy => copy.State is CopyState.Stale) is not { } stale)
            {
                return await ViewAsync(domain, read);
            }
            if (before?.Group is { } known && read.Group is { } now && known.Epoch == now.Epoch && known.Seqno < now.Seqno)
            {
                // A busy SPM is hardly ever met between two commits. But it begins one only when the one before is on every copy.
                return await ViewAsync(domain, before);
            }
            before = read;
            if (clock.GetElapsedTime(started) >= SettlingLimit)
            {
                throw Refusal.Unavailable(
                    $"{domain.Lun.Path}: a copy of the metadata is {stale.State.Describe()}, another one names {read.Group?.Version}: a commit has not ended. The next SPM settles it; ask again when there is one ('spm status').");
            }
            await Task.Delay(SettlingPause, clock);
        }
    }

    static async Task<DomainView> ViewAsync(PoolDomain domain, VolumeGroupRead read)
    {
        if (read.Group is not { } group)
        {
            throw Refusal.Damaged($"{domain.Lun.Path}: the volume group cannot be read: {read.Problem}");
        }
        if (group.Uuid != domain.Group.Uuid)
        {
            throw Refusal.Damaged($"{domain.Lun.Path}: volume group {group.Name} is there instead of {domain.Group.Name}. Stop this node and look with 'spm domain check --lun'.");
        }
        if (domain.MovedSince(group) is { } moved)
        {
            // R23: the windows of this process point to where the special volumes were.
            throw Refusal.Damaged($"{domain.Lun.Path}: {moved}. Stop this node and look with 'spm domain check --lun'.");
        }
        domain.Seen.Saw(group);
        return await DomainView.ReadAsync(domain, group);
    }

    public async Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => await DescribeAsync(await ViewAsync());

    public async Task<VolumeReply> GetVolumeAsync(string reference) => await DescribeAsync(await ViewAsync(), reference);

    public static async Task<IReadOnlyList<VolumeReply>> DescribeAsync(DomainView view)
    {
        var users = await UsersAsync(view.Domain);
        return [.. view.Volumes.Select(volume => view.Describe(volume, users(volume)))];
    }

    public static async Task<VolumeReply> DescribeAsync(DomainView view, string reference)
    {
        var volume = view.Find(reference);
        return view.Describe(volume, (await UsersAsync(view.Domain))(volume));
    }

    public async Task<JournalReply> JournalAsync()
    {
        var domain = await PoolDomain.OpenAsync(lun);
        return await JournalView.ReadAsync(domain, domain.Group);
    }

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) => throw NoLease();

    public Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request) => throw NoLease();

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null) => throw NoLease();

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => throw NoLease();

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => throw NoLease();

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => throw NoLease();

    public async Task<GarbageReply> GarbageAsync(bool collect) => collect ? throw NoLease() : await FindGarbageAsync(await PoolDomain.OpenAsync(lun));

    public static async Task<GarbageReply> FindGarbageAsync(PoolDomain domain) =>
        new([.. GarbageSurvey.Of(await GarbageFacts.ReadAsync(domain)).Select(garbage => garbage.Describe())]);

    public ValueTask DisposeAsync()
    {
        lun.Dispose();
        return ValueTask.CompletedTask;
    }

    public static async Task<Func<VolumeInfo, IReadOnlyList<string>>> UsersAsync(StorageDomain domain)
    {
        if (domain is not PoolDomain pool)
        {
            // R11: oVirt's hosts write no maps, so each that is in the domain may have any volume active.
            var hosts = (await HostWatch.HeldAsync(domain)).Select(holder => $"{holder.Name}, perhaps").ToList();
            return _ => hosts;
        }
        var table = await ActivationMaps.ReadAllAsync(pool);
        var records = await new HostRecordStore(pool).ReadAllAsync();
        return volume => volume.Tags.Slot is not { } slot ? [] : [.. table.UsersOf(slot).Select(user =>
        {
            var name = records[user.Host - 1].Newest is { } record ? $"{record.Name} (host id {user.Host})" : $"host id {user.Host}";
            return user.Use switch
            {
                SlotUse.ReadWrite => name,
                SlotUse.ReadOnly => name + ", read-only",
                SlotUse.Working => name + ", being prepared",
                _ => name + ", map unreadable: counts as in use",
            };
        })];
    }

    static InvalidOperationException NoLease() => new("a reader takes no lease; writing verbs go through an offline pool");
}
