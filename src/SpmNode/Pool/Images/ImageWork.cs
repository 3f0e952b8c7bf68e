using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>What every piece of work on the content of volumes needs: to have them alone, on every host, and to write what came of it.</summary>
sealed class ImageWork(SpmTerm term, ActivationMaps maps, Func<ulong> generation, Func<int, Task<string>> hostName)
{
    public VolumeLocks Locks { get; } = new();

    public Func<bool> MayWrite => term.Fence.MayWrite;

    public long ExtentBytes => term.Volumes.Group.ExtentSizeBytes;

    public VolumeInfo Find(string reference) => term.Volumes.Find(reference);

    public Task RefreshAsync(VolumeInfo volume) => volume.Tags.Slot is { } slot ? term.Volumes.RefreshSlotAsync(slot) : Task.CompletedTask;

    public VolumeInfo? Find(Guid volume) => term.Volumes.Find(volume);

    /// <summary>All volumes of the domain as they are now.</summary>
    public DomainView View() => term.Volumes.View();

    /// <summary>R10, R13: entries of ours in the activation map first, then every other map: of this work and an activation that begins at
    /// the same time at most one goes on. While it lasts nobody reads half of a change, and a successor frees none of these extents.</summary>
    public async Task<IAsyncDisposable> HoldAsync(IReadOnlyList<VolumeInfo> volumes)
    {
        var holds = new Holds();
        try
        {
            foreach (var volume in volumes)
            {
                var slot = volume.Tags.Slot ?? throw Refusal.Conflict($"volume {volume.Name} has no MD_ tag, so it cannot be told whether a host uses it. 'spm domain check --lun' shows more.");
                holds.Add(await SlotHold.TryTakeAsync(maps, slot, generation)
                    ?? throw Refusal.Conflict($"volume {volume.Name} is in use on the SPM's host; deactivate it first."));
            }
            var table = await maps.ReadAllAsync();
            foreach (var volume in volumes)
            {
                if (table.UsersOf(volume.Tags.Slot!.Value).Where(user => user.Host != maps.HostId).ToList() is [var other, ..])
                {
                    throw Refusal.Conflict(other.Use == SlotUse.Unreadable
                        ? $"the activation map of {await hostName(other.Host)} cannot be read, so volume {volume.Name} counts as in use there."
                        : $"volume {volume.Name} is active on {await hostName(other.Host)}; deactivate it there first.");
                }
                // Read again under our entry: memory may be older than the LUN.
                await term.Volumes.RefreshSlotAsync(volume.Tags.Slot.Value);
            }
            return holds;
        }
        catch
        {
            await holds.DisposeAsync();
            throw;
        }
    }

    public ImageLayer Layer(VolumeInfo volume)
    {
        var group = term.Volumes.Group;
        var lv = group.Find(volume.Name) ?? throw Refusal.NotFound($"volume {volume.Name} was deleted meanwhile.");
        var slot = volume.Slot ?? throw Refusal.Conflict($"volume {volume.Name} has no slot that can be believed.");
        return new ImageLayer(
            volume.Name, slot.Format, slot.Format == VolumeFormat.Raw ? Math.Min(slot.CapacityBytes, lv.SizeBytes) : lv.SizeBytes, VolumeExtension.Segments(group, lv));
    }

    /// <summary>A volume and everything below it, leaf first.</summary>
    public IReadOnlyList<VolumeInfo> Chain(VolumeInfo volume) => ImageChain.Of(volume, term.Volumes.Find) switch
    {
        ImageChain.Whole whole => [.. whole.Volumes],
        ImageChain.Broken broken => throw Refusal.Conflict($"volume {volume.Name}: {broken.Text}."),
        _ => throw new InvalidOperationException("a closed set of chains"),
    };

    /// <exception cref="Refusal">Over-commit does not allow that it may need so much.</exception>
    public IDisposable Promise(Guid volume, long bytes, string what) => term.Space.Promise(volume, bytes, Guid.Empty, what);

    public IReadOnlyList<VolumeInfo> ChildrenOf(VolumeInfo volume) => ImageChain.ChildrenOf(volume.Uuid, View().Volumes);

    public async Task<VolumeInfo> WriteSlotAsync(VolumeInfo volume, Func<VolumeSlot, VolumeSlot> change)
    {
        Fenced(volume.Name);
        await term.Volumes.ChangeSlotAsync(volume.Tags.Slot!.Value, volume.Uuid, new FencedArea(term.Domain.Slots, term.Fence), change);
        return Find(volume.Name);
    }

    /// <returns>The group as it was committed.</returns>
    public async Task<VolumeGroup> CommitAsync(string what, string volume, Func<VolumeGroupDraft, EditOutcome> apply, params IEnumerable<JournalRecord> records) =>
        await term.Worker.SubmitAsync($"{what} {volume}", apply, records) is var result && result is PoolResult.Done done
            ? done.Group
            : throw PoolRefusals.Of(result, $"{what} of volume {volume} did not happen", term.Volumes.Group);

    /// <summary>R1, R13: the fence is asked before writes to the special volumes, and after the last one.</summary>
    public void Fenced(string volume)
    {
        if (!term.Fence.MayWrite())
        {
            throw Refusal.Unknown($"this host stopped being SPM ({term.Fence.ClosedBecause ?? "its deadline passed"}) while it worked on volume {volume}. Ask again: it is harmless, and the SPM of now finishes it.");
        }
    }

    /// <summary>For a volume that goes: its parent, too, unless that is a template. Whatever is made from the parent now counts on its having
    /// a child, and so on nobody's writing it.</summary>
    public IDisposable LockLeaving(VolumeInfo volume) =>
        Locks.Take(Find(volume.Parent) is { } parent && parent.Slot?.Role != VolumeRole.Shared ? [volume.Uuid, parent.Uuid] : [volume.Uuid]);

    public bool IsMerging(VolumeInfo volume) => term.Journal.Open.Any(operation => operation.Kind == OperationKind.Merge && operation.Volume == volume.Uuid);

    /// <summary>An operation of several steps: from here on a successor knows of it. The caller leaves it when it returns.</summary>
    public async Task<JournalRecord.Begun> BeginAsync(OperationKind kind, RequestId? request, VolumeInfo volume, long toBytes = 0)
    {
        var operation = term.Journal.Begin(kind, request, volume.Uuid, 0, toBytes);
        var result = await term.Worker.SubmitAsync($"begin {kind} {volume.Name}", _ => new EditOutcome.AlreadyThere(0), operation);
        if (result is not PoolResult.Done)
        {
            term.Journal.Leave(operation);
            throw PoolRefusals.Of(result, $"volume {volume.Name} was not changed", term.Volumes.Group);
        }
        return operation;
    }

    public void End(JournalRecord.Begun operation, OperationOutcome outcome) => term.Journal.Later(new JournalRecord.Ended(operation.Operation, outcome));

    /// <summary>What has not ended by now is the recovery's: this SPM's or the next one's.</summary>
    public void Leave(JournalRecord.Begun operation) => term.Journal.Leave(operation);

    /// <summary>The guarded-operation rule: asked under the locks, where nobody else changes the volume.</summary>
    public static VolumeInfo Expect(VolumeInfo volume, int? generation) => generation is null || volume.Slot?.Generation == generation
        ? volume
        : throw Refusal.Conflict($"volume {volume.Name} has generation {volume.Slot?.Generation.ToString() ?? "?"}, not {generation}: somebody else changed it, or this was done before. Look at it, and ask with the generation of now.");

    /// <summary>Whoever named a generation is not done twice.</summary>
    public static VolumeSlot Raise(VolumeSlot slot, int? expected) => expected is null ? slot : slot.WithNextGeneration();

    /// <summary>Something that a crash left open works on it, or will go on with it.</summary>
    public bool IsInUse(VolumeInfo volume) => term.Journal.Open.Any(operation =>
        operation.Volume == volume.Uuid || (operation.Kind == OperationKind.Merge && Find(operation.Volume)?.Parent == volume.Uuid));

    public static VolumeInfo Usable(VolumeInfo volume, string what) => volume.IsUsable
        ? volume
        : throw Refusal.Conflict($"volume {volume.Name} {what}: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");

    public static VolumeInfo Cow(VolumeInfo volume, string what) => volume.Slot is { Format: VolumeFormat.Cow }
        ? volume
        : throw Refusal.Conflict($"volume {volume.Name} {what}: it is raw, and a raw volume's LV is as large as its disk.");

    sealed class Holds : IAsyncDisposable
    {
        readonly List<SlotHold> holds = [];

        public void Add(SlotHold hold) => holds.Add(hold);

        public async ValueTask DisposeAsync()
        {
            List<Exception> failed = [];
            foreach (var hold in holds)
            {
                try
                {
                    await hold.DisposeAsync();
                }
                catch (Exception error) when (error is IOException or Refusal)
                {
                    // The others must be given back, too; adopting the host id clears what stays.
                    failed.Add(error);
                }
            }
            if (failed.Count > 0)
            {
                throw failed[0];
            }
        }
    }
}
