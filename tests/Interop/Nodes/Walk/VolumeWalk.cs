using System.Diagnostics;
using OvirtSpm.Interop.Nodes.Faults;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Interop.Nodes.Walk;

/// <summary>Operations at random through any node, one after the other, each asked until its outcome is known; nodes are killed in the middle.</summary>
sealed class VolumeWalk(NodeCluster cluster, IReadOnlyList<SupervisedNode> nodes, int seed)
{
    const long Mib = 1 << 20, DiskBytes = 64 * Mib, Extent = 8 * Mib;
    const int MostVolumes = 14;

    /// <summary>For one operation: a failover, a restarted node that gives back its entries, and the work itself.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    readonly Random random = new(seed);
    readonly RequestIds ids = new(0, Guid.NewGuid());
    readonly List<WalkVolume> volumes = [];

    public Dictionary<string, int> Done { get; } = [];

    /// <summary>Operations of which an SPM said that they did not happen, because it or the one before was killed.</summary>
    public int Undone { get; private set; }

    public IReadOnlyList<WalkVolume> Volumes => volumes;

    public IEnumerable<WalkVolume> Leaves => volumes.Where(volume => volumes.All(other => other.Parent != volume));

    /// <param name="long">One of those that take many steps, so that a death comes in the middle.</param>
    public async Task StepAsync(bool @long)
    {
        var (what, act) = Choose();
        while (@long && what is ("extend" or "rename" or "write"))
        {
            (what, act) = Choose();
        }
        if (await act())
        {
            Done[what] = Done.GetValueOrDefault(what) + 1;
        }
        else
        {
            Undone++;
        }
    }

    (string What, Func<Task<bool>> Act) Choose()
    {
        var leaves = Leaves.ToList();
        if (volumes.Count < 3)
        {
            return ("create cow", () => CreateAsync(isCow: true));
        }
        var leaf = leaves[random.Next(leaves.Count)];
        var any = volumes[random.Next(volumes.Count)];
        return random.Next(100) switch
        {
            < 2 when volumes.Count < MostVolumes => ("create cow", () => CreateAsync(isCow: true)),
            < 3 when volumes.Count < MostVolumes => ("create raw", () => CreateAsync(isCow: false)),
            < 6 when volumes.Count < MostVolumes => ("snapshot", () => SnapshotAsync(leaf)),
            < 7 when volumes.Count < MostVolumes => ("clone", () => CloneAsync(any)),
            < 9 when Mergeable().ToList() is [_, ..] tops => ("merge", () => MergeAsync(tops[random.Next(tops.Count)])),
            < 10 when leaf.IsCow => ("resize", () => ResizeAsync(leaf)),
            < 11 when leaf.IsCow => ("reduce", () => ReduceAsync(leaf)),
            < 13 when leaf.IsCow => ("write", () => WriteAsync(leaf)),
            < 15 => ("delete", () => DeleteAsync(leaf, wipe: random.Next(4) == 0)),
            < 20 => ("rename", () => RenameAsync(any)),
            _ => ("extend", () => ExtendAsync(leaf)),
        };
    }

    IEnumerable<WalkVolume> Mergeable() => volumes.Where(top =>
        top.Parent is { } below && (below.IsCow || top.SizeBytes == below.SizeBytes) && volumes.Count(other => other.Parent == top) < 2 && volumes.Count(other => other.Parent == top.Parent) == 1);

    async Task<bool> CreateAsync(bool isCow)
    {
        var volume = new WalkVolume($"{Guid.NewGuid()}", isCow, isCow ? DiskBytes : 3 * Extent, null);
        return await MakeAsync(volume, new(volume.Uuid, null, volume.SizeBytes, isCow ? "cow" : "raw", null, false, ids.Next()));
    }

    async Task<bool> SnapshotAsync(WalkVolume parent)
    {
        var volume = new WalkVolume($"{Guid.NewGuid()}", true, parent.SizeBytes, parent);
        return await MakeAsync(volume, new(volume.Uuid, null, 0, "cow", null, false, ids.Next(), Parent: parent.Uuid));
    }

    async Task<bool> CloneAsync(WalkVolume source)
    {
        var volume = new WalkVolume($"{Guid.NewGuid()}", true, source.SizeBytes, null) { Blocks = [.. source.Blocks] };
        return await MakeAsync(volume, new(volume.Uuid, null, 0, "cow", null, false, ids.Next(), Source: source.Uuid));
    }

    async Task<bool> MakeAsync(WalkVolume volume, CreateVolumeRequest request)
    {
        if (await AskAsync(node => node.CreateVolumeAsync(request)) is not { } made)
        {
            return false;
        }
        volume.AllocatedBytes = made.AllocatedBytes;
        volumes.Add(volume);
        return true;
    }

    async Task<bool> MergeAsync(WalkVolume top)
    {
        var change = new VolumeChange.Merge { Request = ids.Next() };
        if (!await ChangedAsync(top, change, goneMeansDone: true))
        {
            return false;
        }
        var below = top.Parent!;
        (below.Blocks, below.SizeBytes) = (top.Blocks, top.SizeBytes);
        foreach (var child in volumes.Where(other => other.Parent == top))
        {
            child.Parent = below;
        }
        volumes.Remove(top);
        below.AllocatedBytes = (await AskAsync(node => node.GetVolumeAsync(below.Uuid)))!.AllocatedBytes;
        return true;
    }

    async Task<bool> ResizeAsync(WalkVolume volume)
    {
        var size = volume.SizeBytes + (1 + random.Next(3)) * Mib;
        if (!await ChangedAsync(volume, new VolumeChange.Resize(size) { Request = ids.Next() }))
        {
            return false;
        }
        volume.SizeBytes = size;
        return true;
    }

    async Task<bool> ReduceAsync(WalkVolume volume)
    {
        var reply = await AskAsync(node => node.ChangeVolumeAsync(volume.Uuid, new VolumeChange.Reduce()));
        volume.AllocatedBytes = reply!.AllocatedBytes;
        return true;
    }

    async Task<bool> RenameAsync(WalkVolume volume)
    {
        var alias = $"walk {random.Next(1_000_000)}";
        await AskAsync(node => node.ChangeVolumeAsync(volume.Uuid, new VolumeChange.Describe(alias)));
        volume.Alias = alias;
        return true;
    }

    async Task<bool> ExtendAsync(WalkVolume volume)
    {
        var most = volume.IsCow ? volume.SizeBytes : 8 * Extent;
        var size = Math.Min(volume.AllocatedBytes + Extent, most);
        var id = ids.Next();
        if (await AskAsync(node => node.ExtendVolumeAsync(volume.Uuid, new ExtendVolumeRequest(size, null, null, null, id))) is not { } reply)
        {
            return false;
        }
        Assert.True(reply.AllocatedBytes >= size, $"asked for {size} bytes, got {reply.AllocatedBytes}");
        volume.AllocatedBytes = Math.Max(volume.AllocatedBytes, reply.AllocatedBytes);
        if (!volume.IsCow)
        {
            volume.SizeBytes = reply.AllocatedBytes;
        }
        return true;
    }

    async Task<bool> DeleteAsync(WalkVolume volume, bool wipe)
    {
        var id = ids.Next();
        if (await AskAsync(node => node.DeleteVolumeAsync(volume.Uuid, id, wipe)) is null)
        {
            return false;
        }
        volumes.Remove(volume);
        return true;
    }

    /// <summary>A node may die under the disk: what was not flushed then is written again, elsewhere.</summary>
    async Task<bool> WriteAsync(WalkVolume volume)
    {
        var (at, value) = (random.Next(volume.Blocks.Length), (byte)(1 + random.Next(250)));
        await UseAsync(volume, readOnly: false, disk => disk.DoAsync($"write -P {value} {at * WalkVolume.SpacingBytes} {WalkVolume.BlockBytes}"));
        volume.Blocks[at] = value;
        return true;
    }

    public Task ReadAllAsync(WalkVolume volume) => UseAsync(volume, readOnly: true, disk => disk.DoAsync([.. volume.Reads]));

    public async Task UseAsync(WalkVolume volume, bool readOnly, Func<ChainDisk, Task> use)
    {
        for (var clock = Stopwatch.StartNew(); ;)
        {
            var at = nodes[random.Next(nodes.Count)];
            var life = at.Starts;
            try
            {
                var node = at.Client() ?? throw Refusal.Unavailable("it has not said where it answers");
                var active = await node.ActivateAsync(volume.Uuid, readOnly);
                await using (var disk = await ChainDisk.OpenAsync(cluster, active))
                {
                    await use(disk);
                }
                await node.DeactivateAsync(volume.Uuid);
                return;
            }
            catch (Exception failed) when (failed is Refusal || at.Starts != life)
            {
                Assert.True(clock.Elapsed < Patience, $"volume {volume.Uuid} cannot be used: {failed.Message}");
                await LeaveAsync(at, volume);
            }
        }
    }

    /// <summary>Where it is still active after a death in the middle, it is given back when that node answers again.</summary>
    static async Task LeaveAsync(SupervisedNode at, WalkVolume volume)
    {
        await Task.Delay(200);
        try
        {
            await (at.Client()?.DeactivateAsync(volume.Uuid) ?? Task.CompletedTask);
        }
        catch (Refusal)
        {
            // Not up yet, or below another one; asked again in the next round.
        }
    }

    async Task<bool> ChangedAsync(WalkVolume volume, VolumeChange change, bool goneMeansDone = false)
    {
        try
        {
            return await AskAsync(node => node.ChangeVolumeAsync(volume.Uuid, change)) is not null;
        }
        catch (Refusal gone) when (goneMeansDone && gone.Code == RefusalCode.NotFound)
        {
            return true;
        }
    }

    /// <returns>Null when an SPM said that it did not happen.</returns>
    async Task<T?> AskAsync<T>(Func<NodeClient, Task<T>> ask) where T : class
    {
        var last = "nobody answered";
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Patience; await Task.Delay(random.Next(20, 100)))
        {
            if (nodes[random.Next(nodes.Count)].Client() is not { } node)
            {
                continue;
            }
            try
            {
                return await ask(node);
            }
            catch (Refusal refusal) when (refusal.Code == RefusalCode.Conflict && refusal.Message.Contains("did not happen", StringComparison.Ordinal))
            {
                return null;
            }
            catch (Refusal refusal) when (refusal.Code is RefusalCode.Conflict or RefusalCode.Unavailable or RefusalCode.NotLeader or RefusalCode.OutcomeUnknown)
            {
                // A conflict is with an entry of a node that was killed, until that node is back.
                last = refusal.Message;
            }
        }
        throw new Xunit.Sdk.XunitException($"seed {seed}: no outcome within {Patience.TotalMinutes:0} minutes; the last answer: {last}");
    }
}
