using System.Diagnostics;
using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.SanlockInterop;

/// <summary>An observer with a clock of its own: when did one life of a host id renew last?</summary>
internal sealed class RenewalWatch : IAsyncDisposable
{
    private readonly OurHost eyes;
    private readonly int hostId;
    private readonly CancellationTokenSource stop = new();
    private readonly Task looking;
    private TimeSpan earliest;
    private int renewals;

    public RenewalWatch(LeaseStorage storage, int hostId)
    {
        this.hostId = hostId;

        // Only its device is used: it never joins.
        eyes = new OurHost(storage, 200, "observer", new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero));
        looking = LookAsync();
    }

    public static TimeSpan Now => Stopwatch.GetElapsedTime(0);

    /// <summary>The last renewal landed after this.</summary>
    public TimeSpan LastRenewalAfter
    {
        get
        {
            Assert.True(renewals > 1);
            lock (eyes)
            {
                return earliest;
            }
        }
    }

    /// <summary>Waits until it has seen one land.</summary>
    public Task SawOneAsync() => Until.HoldsAsync($"host id {hostId} renews", TimeSpan.FromSeconds(60), () => Task.FromResult(Volatile.Read(ref renewals) > 1));

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await looking;
        await eyes.DisposeAsync();
        stop.Dispose();
    }

    private async Task LookAsync()
    {
        var sector = new byte[eyes.Geometry.SectorSize];
        var (seen, life, previousLook) = (0UL, 0UL, Now);
        while (!stop.IsCancellationRequested)
        {
            var askedAt = Now;
            await eyes.Area.ReadAsync(eyes.Geometry.HostIdOffset(hostId), sector);
            Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.HostId, sector, out var record));
            life = life == 0 ? record!.OwnerGeneration : life;
            if (record!.OwnerGeneration == life && record.Timestamp != seen && record.Timestamp != 0)
            {
                lock (eyes)
                {
                    (seen, earliest) = (record.Timestamp, previousLook);
                    renewals++;
                }
            }

            previousLook = askedAt;
            await Task.Delay(100);
        }
    }
}
