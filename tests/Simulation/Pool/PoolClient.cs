using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Asks whoever is SPM for volumes and extends, all the time, and believes only what it was told.</summary>
internal sealed class PoolClient(PoolWorld world, int volumes)
{
    private const long Extent = 128L << 20;
    private readonly string[] names = [.. Enumerable.Range(0, volumes).Select(_ => RandomIdentity.Guid(world.Choice).ToString())];

    public int Refused { get; private set; }

    /// <summary>One request after another at random intervals, for as long as the world runs.</summary>
    public void Begin() => world.Scheduler.After(TimeSpan.FromMilliseconds(1 + world.Choice.Pick(40, "next request")), () =>
    {
        if (world.Leader is { } leader)
        {
            var volume = names[world.Choice.Pick(names.Length, "volume")];
            // Sizes go round and round inside what fits on the disk: what matters is that each acknowledgement holds.
            var size = (1 + world.Choice.Pick(8, "extents")) * Extent;
            leader.Post(() => Ask(leader, volume, size));
        }

        Begin();
    });

    private async void Ask(PoolHost leader, string volume, long size)
    {
        try
        {
            if (leader.Verbs is not { } verbs)
            {
                return;
            }

            if (world.Group.Find(volume) is null)
            {
                var made = await verbs.CreateVolumeAsync(new CreateVolumeRequest(volume, null, Extent, "raw", null, NoZero: true));
                world.Acknowledge(volume, made.AllocatedBytes);
                return;
            }

            var reply = await verbs.ExtendVolumeAsync(volume, new ExtendVolumeRequest(size, leader.Id, null, null));
            world.Acknowledge(volume, Math.Max(size, reply.AllocatedBytes));
        }
        catch (Refusal)
        {
            Refused++;
        }
        catch (IOException)
        {
            Refused++;
        }
    }
}
