using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>A volume's own lease, where oVirt has it, held under this node's host id while the volume is active here.</summary>
/// <remarks>
/// Held exactly like the SPM's: the fence is asked with each write and closes with T/2 of the deadline left; the timer and the watchdog are armed
/// until it is closed and every write has returned (R21, R25). So what is promised of metadata is promised of the volume's content.
/// Taken and given back only while the activation map names the volume: without an entry its slot, and with it the lease's place, may become
/// another volume's at any moment (R10).
/// </remarks>
sealed class VolumeLease
{
    readonly ResourceLease lease;
    readonly PoolFence fence;
    readonly Membership membership;
    readonly TimeProvider clock;

    VolumeLease(ResourceLease lease, PoolFence fence, Membership membership, TimeProvider clock) =>
        (this.lease, this.fence, this.membership, this.clock) = (lease, fence, membership, clock);

    /// <exception cref="Refusal">Somebody holds it, or it cannot be taken.</exception>
    public static async Task<VolumeLease> TakeAsync(PoolDomain domain, Membership membership, VolumeInfo volume, int slot, TimeProvider clock)
    {
        var lease = membership.LeaseAt(domain.Leases, SlotGeometry.LeaseOffsetBytes(slot), volume.Name);
        var outcome = await lease.AcquireAsync(new AcquireOptions(), CancellationToken.None);
        if (outcome is AcquireOutcome.Unknown)
        {
            // R27: acquiring again gives the answer; an owner that does not know it would keep everybody out.
            outcome = await lease.AcquireAsync(new AcquireOptions(), CancellationToken.None);
        }
        if (outcome is not AcquireOutcome.Acquired { LeaseVersion: var version })
        {
            throw NotTaken(volume, outcome, membership);
        }
        var fence = new PoolFence(version, margin => lease.MayWrite(version, margin), membership.Timing.IoTimeout / 2, clock);
        var taken = new VolumeLease(lease, fence, membership, clock);
        if (membership.Guard.Begin(fence, () => membership.Keeper!.Deadline.ExpiresAt) is { } unguarded)
        {
            await taken.ReleaseAsync();
            throw Refusal.Unavailable($"volume {volume.Name} is not activated exclusively: {unguarded}");
        }
        return taken;
    }

    /// <summary>This host held it when its last life ended, and did not give it back.</summary>
    /// <returns>Null when what stands there cannot be believed.</returns>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<bool?> WasHeldAsync(PoolDomain domain, int slot, int hostId)
    {
        var sector = new byte[domain.Lun.SectorSize];
        await domain.Leases.ReadAsync(SlotGeometry.LeaseOffsetBytes(slot) + domain.Geometry.VoteOffset(hostId), sector);
        return BallotBlock.TryParse(sector, out var vote) != RecordError.None ? null : vote.Value.HostId == (ulong)hostId && !vote.IsReleased;
    }

    /// <summary>Asks and issues in one; null when nothing may be written any more.</summary>
    public ValueTask? Issue(Func<ValueTask> write) => fence.Issue(write);

    /// <summary>Completes when nothing may be written any more: the deadline came near, or the lease was ended.</summary>
    public async Task LapsedAsync()
    {
        while (fence.MayWrite())
        {
            await Pause.ForAsync(membership.Timing.IoTimeout / 8, clock, CancellationToken.None);
        }
        // One way: a renewal that comes late after all must not let one half of the guest's writes through.
        fence.Close("the deadline of the host id passed");
    }

    /// <summary>Nothing is written under it any more; what was armed for it is disarmed when every write has returned.</summary>
    public Task EndAsync(Func<Task> writesReturned) => membership.Guard.EndAsync(fence, writesReturned);

    /// <summary>Gives it back. Every write has returned (R8), and the activation map still names the volume.</summary>
    /// <returns>Why it has to be tried again; null when it is given back, or not this host's any more.</returns>
    public async Task<string?> ReleaseAsync()
    {
        await EndAsync(() => Task.CompletedTask);
        return await lease.ReleaseAsync() switch
        {
            ReleaseOutcome.WriteOutstanding why => why.Text,
            ReleaseOutcome.IoFailed why => why.Text,
            _ => null,
        };
    }

    static Refusal NotTaken(VolumeInfo volume, AcquireOutcome outcome, Membership membership)
    {
        string Held(int id, ulong generation, string? name) =>
            $"the lease of volume {volume.Name} is held by {KnownHost.Call(id, membership.RecordOf(id, generation)?.Name ?? name)}";
        return outcome switch
        {
            AcquireOutcome.OwnedByLiveHost live => Refusal.Conflict($"{Held(live.OwnerId, live.Generation, live.Name)}; deactivate it there first."),
            AcquireOutcome.OwnerMayLive maybe => Refusal.Conflict(
                $"{Held(maybe.OwnerId, maybe.Generation, maybe.Name)}, which was not seen to renew; ask again in {maybe.Remaining.TotalSeconds:0} s, when that host is proven dead if it is."),
            AcquireOutcome.SharedByLiveHosts shared => Refusal.Conflict($"the lease of volume {volume.Name} is shared by host ids {string.Join(", ", shared.HostIds)}."),
            AcquireOutcome.Refused refused => Refusal.Damaged($"the lease of volume {volume.Name} cannot be taken: {refused.Text}"),
            AcquireOutcome.LostHostId lost => Refusal.Unavailable(lost.Text),
            AcquireOutcome.IoFailed failed => Refusal.Unavailable(failed.Text),
            AcquireOutcome.Unknown unknown => Refusal.Unavailable($"{unknown.Text}; ask again"),
            _ => Refusal.Unavailable($"others want the lease of volume {volume.Name}, too; ask again."),
        };
    }
}
