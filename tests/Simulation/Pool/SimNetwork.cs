using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Messages between hosts: late, lost, twice, one way only, or held back and released in any order.</summary>
internal sealed class SimNetwork(PoolWorld world)
{
    private readonly List<Action> clogged = [];

    /// <summary>One message in so many is lost; 0 means none is.</summary>
    public int LoseOneIn { get; set; }

    public int RepeatOneIn { get; set; }

    public int DelayMilliseconds { get; set; } = 2;

    /// <summary>Messages from the first to the second host do not arrive.</summary>
    public HashSet<(int From, int To)> Cuts { get; } = [];

    public bool IsClogged { get; private set; }

    public int Delivered { get; private set; }

    public void Clog() => IsClogged = true;

    /// <summary>Everything that waited goes on, in any order.</summary>
    public void Unclog()
    {
        IsClogged = false;
        clogged.ForEach(send => world.Scheduler.After(TimeSpan.FromMilliseconds(world.Choice.Pick(50, "after the clog")), send));
        clogged.Clear();
    }

    public void Heal()
    {
        (LoseOneIn, RepeatOneIn, DelayMilliseconds) = (0, 0, 2);
        Cuts.Clear();
        Unclog();
    }

    public void Send(int from, int to, Action arrive)
    {
        if (Cuts.Contains((from, to)) || (LoseOneIn > 0 && world.Choice.Pick(LoseOneIn, "lost message") == 0))
        {
            return;
        }

        var copies = RepeatOneIn > 0 && world.Choice.Pick(RepeatOneIn, "message twice") == 0 ? 2 : 1;
        for (var i = 0; i < copies; i++)
        {
            if (IsClogged)
            {
                clogged.Add(Arrive);
            }
            else
            {
                world.Scheduler.After(TimeSpan.FromMicroseconds(50 + world.Choice.Pick(1000 * DelayMilliseconds, "message delay")), Arrive);
            }
        }

        void Arrive()
        {
            Delivered++;
            arrive();
        }
    }

    /// <summary>What one life of one host sees of it.</summary>
    public IClusterTransport From(PoolHost host, SimProcess life, TimeProvider clock) => new Transport(this, world, host, life, clock);

    private sealed class Transport(SimNetwork network, PoolWorld world, PoolHost host, SimProcess life, TimeProvider clock) : IClusterTransport
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

        /// <remarks>Hundreds are refused in every world: one exception for each, not one for every frame it passes.</remarks>
        public Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop)
        {
            var answer = new TaskCompletionSource<ExtendVolumeReply>();
            var patience = clock.CreateTimer(_ => answer.TrySetException(Refusal.Unavailable($"no answer from {url}")), null, Patience, Timeout.InfiniteTimeSpan);
            var stopping = stop.UnsafeRegister(_ => answer.TrySetCanceled(stop), null);
            if (world.Hosts.FirstOrDefault(h => h.Url == url) is { } peer)
            {
                network.Send(host.Id, peer.Id, () => peer.Post(() => Serve(peer, volume, request, answer)));
            }

            answer.Task.ContinueWith(
                _ =>
                {
                    patience.Dispose();
                    stopping.Dispose();
                },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return answer.Task;
        }

        private async void Serve(PoolHost peer, Guid volume, ExtendVolumeRequest request, TaskCompletionSource<ExtendVolumeReply> answer)
        {
            if (peer.Verbs is not { } verbs)
            {
                Reply(() => answer.TrySetException(Refusal.NotLeader($"host {peer.Id} is not the SPM")));
                return;
            }

            try
            {
                var reply = await verbs.ExtendVolumeAsync(volume.ToString(), request);
                Reply(() => answer.TrySetResult(reply));
            }
            catch (Exception failed) when (failed is Refusal or IOException)
            {
                Reply(() => answer.TrySetException(failed as Refusal ?? Refusal.Unavailable(failed.Message)));
            }

            void Reply(Action arrive) => network.Send(peer.Id, host.Id, () => life.Post(arrive));
        }
    }
}
