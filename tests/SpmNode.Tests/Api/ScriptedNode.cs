using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>A node behind the API that does what the test says.</summary>
sealed class ScriptedNode : INodeVerbs
{
    public static readonly VolumeReply Volume = new(
        "11111111-0000-0000-0000-000000000001", "i", null, "leaf", null, "cow", "sparse", 1, 2, 3, 1, "ready", [], []);

    public Func<string?> Leader { get; set; } = () => null;

    public Func<ExtendVolumeRequest, ExtendVolumeReply> Extend { get; set; } = request =>
        new(Volume.Volume, request.SizeBytes, 1L << 40, 5, 17, [new("pv", 4096, request.SizeBytes)]);

    public List<ExtendVolumeRequest> Extends { get; } = [];

    public double Margin { get; set; } = 1;

    public string? LeaderUrl { get; set; }

    public string Domain { get; init; } = "d";

    public IReadOnlyList<HostReply>? Known { get; set; }

    public IHostVerbs Hosts => throw new NotSupportedException("no test here asks about hosts");

    public ITaskVerbs Tasks { get; init; } = new ScriptedTasks();

    public IDiskTransfers Transfers { get; init; } = new ScriptedDisks();

    public StatusReply Status() => new(
        Domain, 1, "n", "following", 1, null, Margin, null, null, LeaderUrl, null, null, 1, 0, "none", 12.5, 0, 0, 0, [], []);

    public Task<string?> RedirectToLeaderAsync(string? volumeActiveHere = null) => Task.FromResult(Leader());

    public Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request)
    {
        lock (Extends)
        {
            Extends.Add(request);
        }
        return Task.FromResult(Extend(request));
    }

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) => Task.FromResult(Volume with { Volume = request.Volume });

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null) =>
        Task.FromResult(new DeleteVolumeReply(reference, 1, 2));

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => Task.FromResult(Volume with { Volume = reference, State = change.ToString() });

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => Task.FromResult(new SpaceReply(10, 5, 3, request.OvercommitPercent, null, 1, 85));

    public Task<GuardReply> GuardAsync(GuardRequest request) => Task.FromResult(new GuardReply("vg", request.On ?? false, null, true, [], [], 7, request.On is not null));

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => Task.FromResult(new AddDeviceReply(request.Path, "pv", true, 1, 2, 1, 7));

    public Task<GarbageReply> GarbageAsync(bool collect) => Task.FromResult(new GarbageReply([new("slots", "slot 3", "", "cleared", Collected: collect)]));

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => Task.FromResult<IReadOnlyList<VolumeReply>>([Volume]);

    public Task<VolumeReply> GetVolumeAsync(string reference) => throw Refusal.NotFound($"no volume '{reference}'.");

    public Task<IReadOnlyList<HostReply>> HostsAsync() => Known is { } known ? Task.FromResult(known) : throw new IOException("the LUN does not answer");

    public Task<JournalReply> JournalAsync() => Task.FromResult(new JournalReply(5, 3, 1024, 2, null, new JournalCommitReply(5, 17, true), [], 0, [], []));

    public Task<ActivateVolumeReply> ActivateAsync(string reference, bool readOnly, bool exclusive = false) =>
        Task.FromResult(new ActivateVolumeReply(reference, "/s", readOnly, 1, 2, "driver=nbd", []));

    public Task<VolumeReply> DeactivateAsync(string reference) => Task.FromResult(Volume);

    public GuestReply WatchGuest(WatchGuestRequest request) => new("g", request.Qmp, "running", []);

    public IReadOnlyList<GuestReply> Guests() => [];

    public Task<IReadOnlyList<GuestReply>> ForgetGuestAsync(string name) => Task.FromResult<IReadOnlyList<GuestReply>>([]);

    public string Metrics() => "spm_up 1\n";

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
