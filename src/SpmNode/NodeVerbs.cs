using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tasks;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node;

/// <summary>A node's answers to its API.</summary>
sealed class NodeVerbs : INodeVerbs
{
    readonly HostNode node;
    readonly VolumeGrowth growth;
    readonly Func<string> metrics;
    readonly NodeTasks tasks;

    /// <param name="ids">For work whose caller numbers nothing.</param>
    public NodeVerbs(HostNode node, VolumeGrowth growth, Func<string> metrics, RequestIds ids)
    {
        (this.node, this.growth, this.metrics) = (node, growth, metrics);
        tasks = new NodeTasks(Leading, ids, node.Clock);
        Transfers = new NodeTransfers(tasks, Leading, node.Clock);
        Hosts = new HostVerbs(node);
    }

    PoolDomain Domain => node.Domain;

    public IHostVerbs Hosts { get; }

    public ITaskVerbs Tasks => tasks;

    public IDiskTransfers Transfers { get; }

    public StatusReply Status()
    {
        var seen = node.SpmRole?.Leader;
        var record = seen is { OwnerId: > 0 } ? node.Membership.RecordOf(seen.OwnerId, seen.Generation) : null;
        var term = node.SpmRole?.Term;
        var margin = node.Membership.Keeper?.Deadline.Margin.TotalSeconds ?? double.NegativeInfinity;
        var space = node.Verbs?.Space();
        return new StatusReply(
            Domain.Uuid.ToString(), node.Membership.Identity.HostId, node.Membership.Identity.Name, node.Role.ToString().ToLowerInvariant(),
            node.Membership.Keeper?.Generation, term?.Fence.Epoch, Math.Round(Math.Max(margin, 0), 3),
            seen is { IsFree: false, OwnerId: > 0 } ? seen.OwnerId : null, record?.Name, record?.Url,
            term?.Worker.Current.Seqno, term is null ? null : Domain.Devices.FreeExtents(term.Worker.Current) * term.Worker.Current.ExtentSizeBytes,
            Domain.Timing.IoTimeout.TotalSeconds, Domain.Timing.WatchdogTimeout.TotalSeconds, node.Membership.Guard.Watchdog.Name, Domain.Timing.FailoverBound.TotalSeconds,
            node.Counters.Commits, node.Counters.Requests, node.Counters.StaleWrites,
            [.. node.Activator.Active.Select(Describe)], Warnings(space), space is { } now ? SpaceSetting.Describe(now, node.Space?.Watch) : null,
            node.Paths?.Current.Select(device => device.Describe()).ToList());
    }

    public async Task<IReadOnlyList<HostReply>> HostsAsync()
    {
        await node.Membership.RefreshRecordsAsync();
        var leader = node.SpmRole?.Leader;
        var table = node.Membership.Keeper?.Hosts.Snapshot() ?? [];
        return
        [
            .. table.Where(host => host.Generation > 0).Select(host =>
            {
                var record = node.Membership.RecordOf(host.Id, host.Generation);
                var leads = leader is { IsFree: false } && leader.OwnerId == host.Id && leader.Generation == host.Generation;
                return new HostReply(
                    host.Id, record?.Name ?? host.Name, host.State.ToString().ToLowerInvariant(), host.Generation, record?.Url,
                    leads ? "spm" : "hsm", Math.Round(host.UnchangedFor.TotalSeconds, 1), record?.Watchdog.ToString().ToLowerInvariant(), record?.Build,
                    record?.Preference ?? 0, record?.Maintenance ?? false);
            }),
        ];
    }

    public async Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => await LunReader.DescribeAsync(await LunReader.ViewAsync(Domain));

    public async Task<VolumeReply> GetVolumeAsync(string reference)
    {
        var volume = await LunReader.DescribeAsync(await LunReader.ViewAsync(Domain), reference);
        return Guid.TryParseExact(volume.Volume, "D", out var uuid) ? volume with { Growth = node.Guests.GrowthOf(uuid) } : volume;
    }

    public async Task<JournalReply> JournalAsync() => await JournalView.ReadAsync(Domain, (await LunReader.ViewAsync(Domain)).Group);

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) =>
        request.Source is null ? Leading().CreateVolumeAsync(request, progress, stop) : tasks.EndOfAsync(Tasks.Begin(request));

    public async Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request)
    {
        // Asked of the host that has it active: the answer goes into the live table, too (R12).
        if (request.HostId is null && await ActiveHereAsync(reference) is { } active)
        {
            var reply = await growth.GrowAsync(active.Volume, request.SizeBytes, CancellationToken.None, byPerson: true);
            node.Guests.Grew(new(Domain.Uuid, active.Volume), active.Export.AllocatedBytes);
            return reply;
        }
        return await Leading().ExtendVolumeAsync(reference, request);
    }

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null) =>
        wipe || discard ? tasks.EndOfDeletionAsync(Tasks.BeginDeletion(reference, request, wipe, discard)) : Leading().DeleteVolumeAsync(reference, request);

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) =>
        change.IsMerge ? tasks.EndOfAsync(Tasks.Begin(reference, change)) : Leading().ChangeVolumeAsync(reference, change, progress);

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => Leading().SetSpaceAsync(request);

    public async Task<GuardReply> GuardAsync(GuardRequest request) =>
        request.On is null ? DomainGuard.Describe(Domain, (await LunReader.ViewAsync(Domain)).Group) : await Leading().GuardAsync(request);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => Leading().AddDeviceAsync(request);

    public Task<GarbageReply> GarbageAsync(bool collect) => collect ? Leading().GarbageAsync(collect: true) : LunReader.FindGarbageAsync(Domain);

    public Task<ActivateVolumeReply> ActivateAsync(string reference, bool readOnly, bool exclusive = false) => node.Chains.ActivateAsync(reference, readOnly, exclusive);

    public async Task<VolumeReply> DeactivateAsync(string reference)
    {
        var view = await LunReader.ViewAsync(Domain);
        var volume = view.Find(reference);
        await node.Chains.DeactivateAsync(volume.Uuid, volume.Tags.Slot);
        return await LunReader.DescribeAsync(view, reference);
    }

    public GuestReply WatchGuest(WatchGuestRequest request) => node.Guests.Watch(request);

    public IReadOnlyList<GuestReply> Guests() => node.Guests.Guests();

    public async Task<IReadOnlyList<GuestReply>> ForgetGuestAsync(string name)
    {
        await node.Guests.ForgetAsync(name);
        return node.Guests.Guests();
    }

    public string Metrics() => metrics();

    public async Task<string?> RedirectToLeaderAsync(string? volumeActiveHere = null)
    {
        if (volumeActiveHere is not null && await ActiveHereAsync(volumeActiveHere) is not null)
        {
            return null;
        }
        return await node.LeaderSoonAsync() switch
        {
            LeaderRoute.Here => null,
            LeaderRoute.There there => there.Url,
            LeaderRoute.Nobody nobody => throw Refusal.Unavailable(nobody.Why),
            _ => throw new InvalidOperationException("a closed set of routes"),
        };
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    PoolVerbs Leading() => node.Verbs
        ?? throw Refusal.NotLeader("this node is not the SPM, or its deadline has passed. Ask again: the request is sent to the SPM of now.");

    async Task<ActiveVolume?> ActiveHereAsync(string reference)
    {
        if (node.Activator.Active.Count == 0)
        {
            return null;
        }
        return Guid.TryParseExact(reference, "D", out var uuid)
            ? node.Activator.Find(uuid)
            : node.Activator.Find((await LunReader.ViewAsync(Domain)).Find(reference).Uuid);
    }

    IReadOnlyList<string> Warnings(PoolSpace? space)
    {
        var warnings = new List<string>();
        if (node.Membership.Guard.Watchdog.IsUnsafe)
        {
            warnings.Add("no watchdog: a write already queued when this host loses its lease may land late");
        }
        if (node.Counters.StaleWrites is > 0 and var stale)
        {
            warnings.Add($"{stale} stale metadata write(s) of a former SPM were found on the LUN and replaced from memory; a host hangs or its storage delays writes");
        }
        foreach (var device in Domain.Devices.Missing())
        {
            warnings.Add($"{device} of the domain is not seen by this host: volumes that lie there cannot be used here, and nothing is given away there");
        }
        warnings.AddRange(node.Paths?.Warnings ?? []);
        warnings.AddRange(node.Guests.OnStorageError.Select(guest => $"guest '{guest.Name}' stands on a storage error{(guest.Why is { } why ? $": {why}" : "")}"));
        if (node.SleepWatch?.Problem is { } sleepless)
        {
            warnings.Add(sleepless);
        }
        if (space is { } now && node.Space is { } monitor && SpaceMonitor.Warning(now, monitor.Watch) is { } scarce)
        {
            warnings.Add(scarce);
        }
        if (space is { Rules.Wrong: { Count: > 0 } wrong })
        {
            warnings.Add($"tags of the volume group that cannot be believed: {string.Join(", ", wrong)}; the most careful reading counts. 'spm domain set' writes them anew");
        }
        if (node.SpmRole?.LastProblem is { } problem)
        {
            warnings.Add(problem);
        }
        return warnings;
    }

    static ActiveVolumeReply Describe(ActiveVolume active) => new(
        active.Volume.ToString(), active.ReadOnly, active.Served.SocketPath, active.Export.AllocatedBytes, active.Export.SizeBytes,
        active.Export.HeldWrites, 0, active.IsExclusive);
}
