using System.Buffers;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

public sealed partial class LeaseKeeper
{
    /// <summary>The renewal loop: read everything, is our sector still ours, write it again.</summary>
    private sealed class Renewal(LeaseKeeper keeper, LookPlan plan)
    {
        private bool lastWriteSucceeded = true;
        private string lastFailure = "no renewal was tried";

        public async Task<LeaseLost> RunAsync(CancellationToken stop)
        {
            var due = keeper.issuedAt + keeper.timing.RenewalInterval + LeaseTiming.RenewalPause;
            while (true)
            {
                try
                {
                    await keeper.clock.WaitAsync(due - keeper.clock.Now, stop);
                    stop.ThrowIfCancellationRequested();
                }
                catch (OperationCanceledException)
                {
                    return new LeaseLost(LeaseLostReason.Stopped, "renewing was stopped by its caller");
                }

                // Before the renewal is issued and again before it counts: a host that slept past its deadline could otherwise renew
                // before anything else of it ran, look fresh to its own writers, and write while another host already leads.
                var started = keeper.clock.Now;
                var (lost, failure) = !keeper.Deadline.Holds() ? (Expired(), null)
                    : keeper.Objection?.Invoke() is { } objection ? (null, objection)
                    : await RenewAsync();
                if (lost is not null)
                {
                    return lost;
                }

                if (failure is not null)
                {
                    lastFailure = failure;
                    keeper.observer?.RenewalFailed(failure, keeper.Deadline.Margin);
                    due = keeper.clock.Now + LeaseTiming.RenewalPause;
                }
                else
                {
                    due = keeper.issuedAt + keeper.timing.RenewalInterval + LeaseTiming.RenewalPause;
                    keeper.observer?.Renewed(keeper.clock.Now - started, marginBefore, keeper.Deadline.ExpiresAt!.Value);
                }
            }
        }

        private TimeSpan marginBefore;

        private async ValueTask<(LeaseLost? Lost, string? Failure)> RenewAsync()
        {
            var (lost, failure) = await LookAsync();
            if (lost is not null || failure is not null)
            {
                return (lost, failure);
            }

            var issuedAt = keeper.clock.Now;
            if (!keeper.Deadline.Holds())
            {
                return (Expired(), null);
            }

            var record = keeper.written! with { Timestamp = LeaseClock.OnDisk(issuedAt, keeper.written!.Timestamp) };
            lastWriteSucceeded = false;
            keeper.lastWrite = keeper.io.Write(keeper.geometry.HostIdOffset(keeper.hostId), keeper.Sector(record));

            // Waited for as long as the lease lasts, not T: a second renewal beside one that is still out could land in the wrong order.
            var failed = await keeper.lastWrite.WithinAsync(keeper.Deadline.Margin);
            marginBefore = keeper.Deadline.Margin;
            if (marginBefore <= TimeSpan.Zero)
            {
                lastFailure = failed ?? "the renewal was written, but returned too late to count";
                return (Expired(), null);
            }

            if (failed is not null)
            {
                return (null, failed);
            }

            (keeper.written, keeper.issuedAt, lastWriteSucceeded) = (record, issuedAt, true);
            keeper.Deadline.Renew(issuedAt);
            return (null, null);
        }

        private async ValueTask<(LeaseLost? Lost, string? Failure)> LookAsync()
        {
            var bytes = plan.NextBytes(keeper.Hosts);
            var area = ArrayPool<byte>.Shared.Rent(bytes);
            var askedAt = keeper.clock.Now;
            var limit = keeper.timing.IoTimeout < keeper.Deadline.Margin ? keeper.timing.IoTimeout : keeper.Deadline.Margin;
            if (await keeper.io.ReadAsync(0, area.AsMemory(0, bytes), limit) is { } failure)
            {
                // Not given back: after a time-out the memory is the device's.
                return (null, failure);
            }

            var at = (int)keeper.geometry.HostIdOffset(keeper.hostId);
            var error = HostIdSector.Check(area.AsSpan(at, keeper.geometry.SectorSize), keeper.geometry, keeper.lockspace, keeper.hostId, out var now);
            var lost = RenewalCheck.Judge(error, now, keeper.written!, lastWriteSucceeded);
            if (lost is null)
            {
                keeper.Hosts.Look(area.AsSpan(0, bytes), askedAt, keeper.clock.Now);
                plan.Looked(bytes);
            }

            ArrayPool<byte>.Shared.Return(area);
            return (lost, null);
        }

        private LeaseLost Expired() => new(LeaseLostReason.Expired,
            $"host id {keeper.hostId} was not renewed within {keeper.timing.Expiry.TotalSeconds:0} s ({lastFailure}); "
            + "look at the paths to the storage, or whether this machine was asleep");
    }
}
