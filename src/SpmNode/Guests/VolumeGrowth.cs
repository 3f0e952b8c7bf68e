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

    public async Task<ExtendVolumeReply> GrowAsync(Guid volume, long absoluteBytes, CancellationToken stop)
    {
        try
        {
            return await AskOnceAsync(volume, absoluteBytes, stop);
        }
        catch (Refusal full) when (full.Code == RefusalCode.NoSpace)
        {
            // A device that was added since is one this host has not said it sees.
            if (!await activator().LookForDevicesAsync())
            {
                throw;
            }
            return await AskOnceAsync(volume, absoluteBytes, stop);
        }
    }

    async Task<ExtendVolumeReply> AskOnceAsync(Guid volume, long absoluteBytes, CancellationToken stop)
    {
        var highestEpoch = activator().Find(volume)?.Export.Table.Epoch;
        var request = new ExtendVolumeRequest(absoluteBytes, membership.Identity.HostId, membership.Generation, highestEpoch, Ids?.Next(), activator().Devices);
        var reply = leader() switch
        {
            LeaderRoute.Here here => await here.Verbs.ExtendVolumeAsync(volume.ToString(), request),
            LeaderRoute.There there => await transport.ExtendAsync(there.Url, volume, request, stop),
            LeaderRoute.Nobody nobody => throw Refusal.Unavailable(nobody.Why),
            _ => throw new InvalidOperationException("a closed set of routes"),
        };
        if (reply.Volume != volume.ToString())
        {
            // R12: it answers what was asked, or it is not loaded.
            throw Refusal.Damaged($"asked for volume {volume}, the SPM answered for '{reply.Volume}'; its segments are not loaded.");
        }
        if (!membership.IsValid)
        {
            throw Refusal.Unavailable("this node does not hold its host id now, so no answer of an SPM is loaded. What is active goes on.");
        }
        return await activator().GrowAsync(volume, reply) switch
        {
            // Another answer overtook this one and brought at least as much.
            GrowOutcome.Refused when activator().Find(volume)?.Export.AllocatedBytes >= absoluteBytes => reply,
            GrowOutcome.Refused refused => throw Refusal.Conflict(refused.Message),
            _ => reply,
        };
    }

    public async ValueTask<ExtendAnswer> AskAsync(VolumeKey volume, long absoluteBytes, CancellationToken stop)
    {
        try
        {
            return new ExtendAnswer.Extended((await GrowAsync(volume.Volume, absoluteBytes, stop)).AllocatedBytes);
        }
        catch (Refusal refusal)
        {
            return new ExtendAnswer.Refused(refusal.Message);
        }
    }

    public ValueTask<VolumeSizes?> SizesAsync(VolumeKey volume, CancellationToken stop) => ValueTask.FromResult<VolumeSizes?>(
        volume.Domain == domain && activator().Find(volume.Volume) is { } there
            ? new VolumeSizes(there.Export.AllocatedBytes, there.Export.SizeBytes)
            : null);

    /// <summary>For writes that wait behind the end of one volume.</summary>
    /// <param name="grew">Told the new size, so that the guest's threshold follows.</param>
    public IGrowthRequests ForHeldWrites(Guid volume, Action<long> grew) => new GrowthCallback(async (wanted, stop) =>
    {
        try
        {
            var there = activator().Find(volume);
            var target = there is null ? wanted : policy.Next(there.Export.AllocatedBytes, there.Export.SizeBytes, 0, TimeSpan.Zero, wanted).TargetBytes;
            grew((await GrowToFitAsync(volume, wanted, Math.Max(target, wanted), stop)).AllocatedBytes);
            return GrowthAnswer.Granted;
        }
        catch (Refusal refusal)
        {
            return refusal.Code == RefusalCode.NoSpace ? GrowthAnswer.PoolFull : GrowthAnswer.Later;
        }
    });

    /// <summary>As much as would be good to have; when the pool has not that much, what the writes that wait need.</summary>
    async Task<ExtendVolumeReply> GrowToFitAsync(Guid volume, long neededBytes, long targetBytes, CancellationToken stop)
    {
        try
        {
            return await GrowAsync(volume, targetBytes, stop);
        }
        catch (Refusal refusal) when (refusal.Code == RefusalCode.NoSpace && neededBytes < targetBytes)
        {
            return await GrowAsync(volume, neededBytes, stop);
        }
    }
}
