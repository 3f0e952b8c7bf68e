using OvirtSpm.Monitor.Watermark;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Roles;
using GrowthPolicy = OvirtSpm.Volumes.Sizes.GrowthPolicy;

namespace OvirtSpm.Node.Guests;

/// <summary>Gets space for a volume of this host: asks the SPM, loads the answer's segments.</summary>
/// <remarks>Thresholds (before the end) and held writes (behind it) come here; both name absolute sizes, so neither gets in the other's way.</remarks>
sealed class VolumeGrowth(
    Guid domain, Membership membership, Func<VolumeActivator> activator, IClusterTransport transport, Func<LeaderRoute> leader, GrowthPolicy policy)
    : IExtendRequests
{
    /// <summary>R24: numbers this host's requests; null for none.</summary>
    public RequestIds? Ids { get; init; }

    /// <exception cref="Refusal">It did not grow.</exception>
    public async Task<ExtendVolumeReply> GrowAsync(Guid volume, long absoluteBytes, CancellationToken stop, bool byPerson = false)
    {
        var (reply, refusal) = await TryGrowAsync(volume, absoluteBytes, stop, byPerson);
        return reply ?? throw refusal!;
    }

    /// <returns>The answer that was loaded, or why none was.</returns>
    async Task<(ExtendVolumeReply? Reply, Refusal? Refusal)> TryGrowAsync(Guid volume, long absoluteBytes, CancellationToken stop, bool byPerson = false)
    {
        var first = await TryOnceAsync(volume, absoluteBytes, stop, byPerson);
        try
        {
            // A device that was added since is one this host has not said it sees.
            return first.Refusal?.Code == RefusalCode.NoSpace && await activator().LookForDevicesAsync()
                ? await TryOnceAsync(volume, absoluteBytes, stop, byPerson)
                : first;
        }
        catch (Refusal refusal)
        {
            return (null, refusal);
        }
    }

    /// <remarks>Without an SPM every guest is refused several times a second: no exception for each of its callers.</remarks>
    async Task<(ExtendVolumeReply? Reply, Refusal? Refusal)> TryOnceAsync(Guid volume, long absoluteBytes, CancellationToken stop, bool byPerson)
    {
        var route = leader();
        if (route is LeaderRoute.Nobody nobody)
        {
            return (null, Refusal.Unavailable(nobody.Why));
        }
        var highestEpoch = activator().Find(volume)?.Export.Table.Epoch;
        var request = new ExtendVolumeRequest(absoluteBytes, membership.Identity.HostId, membership.Generation, highestEpoch, Ids?.Next(), activator().Devices, byPerson);
        try
        {
            var reply = route switch
            {
                LeaderRoute.Here here => await here.Verbs.ExtendVolumeAsync(volume.ToString(), request),
                LeaderRoute.There there => await transport.ExtendAsync(there.Url, volume, request, stop),
                _ => throw new InvalidOperationException("a closed set of routes"),
            };
            return await LoadAsync(volume, absoluteBytes, reply) is { } refusal ? (null, refusal) : (reply, null);
        }
        catch (Refusal refusal)
        {
            return (null, refusal);
        }
    }

    /// <returns>Why the answer is not loaded; null when the volume is as large as was asked for.</returns>
    async Task<Refusal?> LoadAsync(Guid volume, long absoluteBytes, ExtendVolumeReply reply)
    {
        if (reply.Volume != volume.ToString())
        {
            // R12: it answers what was asked, or it is not loaded.
            return Refusal.Damaged($"asked for volume {volume}, the SPM answered for '{reply.Volume}'; its segments are not loaded.");
        }
        if (!membership.IsValid)
        {
            return Refusal.Unavailable("this node does not hold its host id now, so no answer of an SPM is loaded. What is active goes on.");
        }
        return await activator().GrowAsync(volume, reply) switch
        {
            // Another answer overtook this one and brought at least as much.
            GrowOutcome.Refused when activator().Find(volume)?.Export.Table.AllocatedBytes >= absoluteBytes => null,
            GrowOutcome.Refused refused => Refusal.Conflict(refused.Message),
            _ => null,
        };
    }

    public async ValueTask<ExtendAnswer> AskAsync(VolumeKey volume, long absoluteBytes, CancellationToken stop)
    {
        // When the pool has not the whole chunk any more, one extent still keeps the guest going.
        var least = (activator().Find(volume.Volume)?.Export.AllocatedBytes ?? absoluteBytes) + policy.ExtentBytes;
        var (reply, refusal) = await GrowToFitAsync(volume.Volume, Math.Min(least, absoluteBytes), absoluteBytes, stop);
        return reply is not null ? new ExtendAnswer.Extended(Writable(volume.Volume, reply)) : new ExtendAnswer.Refused(refusal!.Message);
    }

    public ValueTask<VolumeSizes?> SizesAsync(VolumeKey volume, CancellationToken stop) => ValueTask.FromResult<VolumeSizes?>(
        volume.Domain == domain && activator().Find(volume.Volume) is { } there
            ? new VolumeSizes(there.Export.AllocatedBytes, there.Export.SizeBytes)
            : null);

    /// <summary>For writes that wait behind the end of one volume.</summary>
    /// <param name="grew">Told the new size, so that the guest's threshold follows.</param>
    public IGrowthRequests ForHeldWrites(Guid volume, Action<long> grew) => new GrowthCallback(async (wanted, stop) =>
    {
        var there = activator().Find(volume);
        var target = there is null ? wanted : policy.Next(there.Export.AllocatedBytes, there.Export.SizeBytes, 0, TimeSpan.Zero, wanted).TargetBytes;
        var (reply, refusal) = await GrowToFitAsync(volume, wanted, Math.Max(target, wanted), stop);
        if (reply is null)
        {
            return refusal!.Code == RefusalCode.NoSpace ? GrowthAnswer.PoolFull : GrowthAnswer.Later;
        }
        grew(Writable(volume, reply));
        return GrowthAnswer.Granted;
    });

    /// <summary>As much as would be good to have; when the pool has not that much, what is needed at least.</summary>
    async Task<(ExtendVolumeReply? Reply, Refusal? Refusal)> GrowToFitAsync(Guid volume, long neededBytes, long targetBytes, CancellationToken stop)
    {
        var there = activator().Find(volume)?.Export;
        var reserve = there?.ReserveBytes ?? 0;
        long WithReserve(long bytes) => Math.Max(bytes, Math.Min(bytes + reserve, there?.SizeBytes ?? bytes));

        var asked = WithReserve(targetBytes);
        var answer = await TryGrowAsync(volume, asked, stop);
        // R15: the last extent of a full pool is a better reserve than none.
        foreach (var less in new[] { WithReserve(neededBytes), neededBytes })
        {
            var isThere = reserve > 0 && less <= there?.Table.AllocatedBytes;
            if (less < asked && !isThere && answer.Refusal?.Code == RefusalCode.NoSpace)
            {
                asked = less;
                answer = await TryGrowAsync(volume, asked, stop);
            }
        }
        return answer;
    }

    /// <summary>How far its guest may write by now.</summary>
    long Writable(Guid volume, ExtendVolumeReply reply) => activator().Find(volume)?.Export.AllocatedBytes ?? reply.AllocatedBytes;
}
