using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Pool;

/// <summary>People: create, extend, activate, deactivate and delete volumes all the time, and believe only what they were told.</summary>
/// <remarks>
/// One request per volume at a time; whoever gets no answer for longer than a takeover takes gives up, and a later answer is nobody's.
/// C5, R24: as long as it is not known what became of a creation or a deletion, it is asked for again under the same request id.
/// </remarks>
internal sealed class PoolClient(PoolWorld world, int volumes, int meanMilliseconds = 20)
{
    private const long Extent = 128L << 20;
    private readonly TimeSpan patience = world.Timing.FailoverBound > TimeSpan.FromMinutes(1) ? world.Timing.FailoverBound : TimeSpan.FromMinutes(1);
    private readonly string[] names = [.. Enumerable.Range(0, volumes).Select(_ => RandomIdentity.Guid(world.Choice).ToString())];
    private readonly Dictionary<string, object> underWay = [];
    private readonly Dictionary<string, (bool IsCreation, string Request, long Bytes)> unanswered = [];
    private readonly Guid life = RandomIdentity.Guid(world.Choice);
    private ulong requests;

    /// <summary>Volumes are activated, deactivated and deleted, too.</summary>
    public bool UsesVolumes { get; init; }

    /// <summary>One request after another at random intervals, for as long as the world runs.</summary>
    public void Begin() => world.Scheduler.After(TimeSpan.FromMilliseconds(1 + world.Choice.Pick(2 * meanMilliseconds, "next request")), () =>
    {
        var index = world.Choice.Pick(names.Length, "volume");
        if (!underWay.ContainsKey(names[index]) && world.Leader is { } leader)
        {
            Ask(index, leader);
        }

        Begin();
    });

    private void Ask(int index, PoolHost leader)
    {
        var (volume, there) = (names[index], world.Group.Find(names[index]));
        var token = new object();
        var kind = UsesVolumes ? world.Choice.Pick(10, "what to ask") : 0;
        var any = world.Hosts[world.Choice.Pick(world.Hosts.Length, "where")];
        if (unanswered.TryGetValue(volume, out var open))
        {
            Run(leader, volume, token, () => open.IsCreation ? CreateAsync(leader, volume, token) : DeleteAsync(leader, volume, token));
        }
        else if (there is null || world.Book.Of(volume).MustNeverBe)
        {
            if (world.Book.Of(volume) is { MustBeGone: true } or { MustNeverBe: true })
            {
                // A uuid is used once: whether the old volume is gone for good must stay visible.
                volume = names[index] = RandomIdentity.Guid(world.Choice).ToString();
            }

            Note(volume, true, UsesVolumes ? (1 + world.Choice.Pick(20, "virtual size")) * Extent : 3 * 8 * Extent);
            Run(leader, volume, token, () => CreateAsync(leader, volume, token));
        }
        else if (kind < 4)
        {
            // Sizes go round and round inside what fits on the disk: what matters is that each acknowledgement holds.
            var size = (1 + world.Choice.Pick(8, "extents")) * Extent;
            // Told which host serves it, most people ask there; the SPM refuses the others.
            if (world.Hosts.FirstOrDefault(host => host.Serves(volume)) is { } user && world.Choice.Pick(8, "asks anybody") > 0)
            {
                Run(user, volume, token, () => GrowAsync(user, volume, size, token));
            }
            else
            {
                Run(leader, volume, token, () => ExtendAsync(leader, volume, size, token));
            }
        }
        else if (kind < 7)
        {
            Run(any, volume, token, () => ActivateAsync(any, volume));
        }
        else if (kind < 9)
        {
            Run(any, volume, token, () => DeactivateAsync(any, volume));
        }
        else if (world.Choice.Pick(4, "deletes it anyway") == 0 || !world.Hosts.Any(host => host.Serves(volume)))
        {
            Note(volume, false, 0);
            Run(leader, volume, token, () => DeleteAsync(leader, volume, token));
        }
    }

    private void Note(string volume, bool isCreation, long bytes) => unanswered[volume] = (isCreation, $"0.{life:N}.{++requests}", bytes);

    private void Run(PoolHost host, string volume, object token, Func<Task> ask)
    {
        underWay[volume] = token;
        world.Scheduler.After(patience, () => Done(volume, token));
        host.Post(() => Observe(volume, token, ask));
    }

    private async void Observe(string volume, object token, Func<Task> ask)
    {
        try
        {
            await ask();
        }
        catch (Exception refused) when (refused is Refusal or IOException)
        {
            world.Stats.Refused++;
            world.Trace(0, refused.Message.Replace(volume, volume[..8], StringComparison.Ordinal));
            if (refused is Refusal { Code: RefusalCode.Conflict or RefusalCode.NoSpace or RefusalCode.NotFound or RefusalCode.Invalid }
                && IsOpen(volume, token) && unanswered.Remove(volume, out var open))
            {
                if (open.IsCreation)
                {
                    world.Book.RefuseCreation(volume);
                }
                else if (refused is Refusal { Code: not RefusalCode.NotFound })
                {
                    world.Book.RefuseDeletion(volume);
                }
            }
        }
        catch (Exception broken)
        {
            world.Fail($"a request for {volume} threw {broken}");
        }

        Done(volume, token);
    }

    private void Done(string volume, object token)
    {
        if (IsOpen(volume, token))
        {
            underWay.Remove(volume);
        }
    }

    private bool IsOpen(string volume, object token) => underWay.GetValueOrDefault(volume) == token;

    private async Task CreateAsync(PoolHost host, string volume, object token)
    {
        if (host.Verbs is { } verbs)
        {
            var open = unanswered[volume];
            var made = await verbs.CreateVolumeAsync(new CreateVolumeRequest(volume, null, open.Bytes, "cow", null, false, open.Request));
            Acknowledge(host, volume, token, () =>
            {
                unanswered.Remove(volume);
                world.Book.Acknowledge(volume, made.AllocatedBytes, isNew: true);
                ArriveAgain(volume, open.Bytes, open.Request);
            });
        }
    }

    /// <summary>R24: the message of an answered creation comes a second time, perhaps to another SPM, perhaps when the volume has been deleted.</summary>
    private void ArriveAgain(string volume, long bytes, string request)
    {
        if (world.Choice.Pick(4, "arrives again") == 0)
        {
            world.Scheduler.After(TimeSpan.FromMilliseconds(world.Choice.Pick(600_000, "when")), () =>
            {
                if (world.Leader is { } leader)
                {
                    leader.Post(() => Again(leader));
                }
            });
        }

        async void Again(PoolHost host)
        {
            try
            {
                if (host.Verbs is { } verbs)
                {
                    await verbs.CreateVolumeAsync(new CreateVolumeRequest(volume, null, bytes, "cow", null, false, request));
                }
            }
            catch (Exception refused) when (refused is Refusal or IOException)
            {
                // Nobody waits for it.
            }
        }
    }

    private async Task ExtendAsync(PoolHost host, string volume, long size, object token)
    {
        if (host.Verbs is { } verbs)
        {
            var reply = await verbs.ExtendVolumeAsync(volume, new ExtendVolumeRequest(size, null, null, null));
            Acknowledge(host, volume, token, () => world.Book.Acknowledge(volume, Math.Max(size, reply.AllocatedBytes)));
        }
    }

    private async Task GrowAsync(PoolHost host, string volume, long size, object token)
    {
        if (host.Growth is { } growth)
        {
            var reply = await growth.GrowAsync(Guid.Parse(volume), size, CancellationToken.None, byPerson: true);
            // What the SPM has acknowledged stays so, whatever became of the host that asked it.
            if (IsOpen(volume, token))
            {
                world.Book.Acknowledge(volume, Math.Max(size, reply.AllocatedBytes));
            }
        }
    }

    private async Task DeleteAsync(PoolHost host, string volume, object token)
    {
        if (host.Verbs is { } verbs)
        {
            world.Book.Deleting(volume);
            await verbs.DeleteVolumeAsync(volume, unanswered[volume].Request);
            Acknowledge(host, volume, token, () =>
            {
                unanswered.Remove(volume);
                world.Book.AcknowledgeDeletion(volume);
            });
        }
    }

    private static async Task ActivateAsync(PoolHost host, string volume)
    {
        if (host.Node is { } node && node.Membership.IsValid)
        {
            await node.Activator.ActivateAsync(volume, readOnly: false);
        }
    }

    private static async Task DeactivateAsync(PoolHost host, string volume)
    {
        if (host.Node is { } node)
        {
            host.StopGuest(volume);
            var view = await LunReader.ViewAsync(node.Domain);
            var there = view.Find(volume);
            await node.Activator.DeactivateAsync(there.Uuid, there.Tags.Slot);
            host.NoLongerServes(volume);
        }
    }

    /// <summary>R1: whoever says "done" was SPM after its last write had returned, unless it slept between that moment and now.</summary>
    private void Acknowledge(PoolHost host, string volume, object token, Action note)
    {
        if (host.Node?.Membership.IsValid != true && !host.SleptJustNow)
        {
            world.Fail($"R1: host {host.Id} acknowledges a request for {volume} after its deadline");
        }

        if (IsOpen(volume, token))
        {
            note();
        }
    }
}
