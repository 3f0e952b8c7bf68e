using System.Runtime.ExceptionServices;
using OvirtSpm.Node.Activation;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Moves a volume and all below it from one domain to another, byte for byte and under the same uuids.</summary>
/// <remarks><code>
/// step                                                        interrupted after it
/// 1 source: entries in the map, nobody activates the chain    the volume is where it was
/// 2 target: made from the base up, read back, tagged          as 1; what is there is never used, asking again removes it and begins anew
///   SPM_MOVED_FROM_…, ILLEGAL
/// 3 source: all of it marked for removal, one commit          the next SPM of the source removes it; or, when somebody uses it after
///                                                             all, takes the marks back: as 1
/// 4 source: no map names it, all of it removed, one commit    the target has it, unused; asking again goes on with 5
/// 5 target: LEGAL, the tags go, one commit
/// </code>One of the two is whole at every moment, and never are both usable: the target becomes so only when the source's removal was
/// acknowledged, or the source's metadata, read as its SPM, do not have it. What arrived is taken back only while the source holds the
/// chain for us, or before it was asked to let it go: whatever was asked earlier can then not take effect any more.</remarks>
sealed class VolumeMove(IMoveSource source, MoveTarget target)
{
    public async Task<VolumeInfo> RunAsync(string reference, IProgress<double> progress, CancellationToken stop)
    {
        if (source.Domain == target.Domain)
        {
            throw Refusal.Conflict($"volume {reference.Trim()} is not moved: both ends are domain {target.Domain}.");
        }
        IReadOnlyList<MovedVolume>? copied = null;
        IDisposable? locked = null;
        async Task TakeAsync(ILeavingChain leaving)
        {
            if (leaving.ExtentBytes != target.ExtentBytes)
            {
                throw Refusal.Conflict($"the extents of the two domains differ ({leaving.ExtentBytes} and {target.ExtentBytes} bytes). Use 'volume export' and 'volume import'.");
            }
            locked = target.Lock(leaving.Volumes.Select(volume => volume.Uuid));
            await target.TakeBackAsync(source.Domain, leaving.Volumes);
            await CopyAsync(leaving, progress, stop);
            copied = leaving.Volumes;
        }

        async Task<bool> LeavesAsync()
        {
            try
            {
                return await source.DepartAsync(reference, TakeAsync);
            }
            catch (Exception why) when (copied is not null && why is Refusal or IOException && target.Holds())
            {
                await AskOnceMoreAsync(copied!, why);
                return true;
            }
        }

        try
        {
            return await LeavesAsync() ? await target.SettleAsync([.. copied!.Select(volume => target.Find(volume.Uuid)!)]) : await GoOnAsync(reference);
        }
        finally
        {
            locked?.Dispose();
        }
    }

    /// <summary>It is not in the source: either it never was, or an earlier move ended before its last step.</summary>
    async Task<VolumeInfo> GoOnAsync(string reference)
    {
        if (Guid.TryParseExact(reference.Trim(), "D", out var uuid) && target.Find(uuid) is { IsUsable: true } there)
        {
            // The move was done, and its answer was lost.
            target.Fenced(there.Name);
            return there;
        }
        var arrived = target.Arrived(source.Domain, reference)
            ?? throw Refusal.NotFound($"no volume '{reference.Trim()}' is in domain {source.Domain}, and none from there is arriving in {target.Domain}. 'spm volume list' shows those there are.");
        using var locked = target.Lock(arrived.Select(volume => volume.Uuid));
        // By its uuid: it may have got another alias meanwhile.
        await source.DepartAsync(arrived[0].Name, _ =>
            throw Refusal.Conflict($"volume {arrived[0].Name} is still in domain {source.Domain}, under another alias. Name it by its uuid."));
        return await target.SettleAsync(arrived);
    }

    /// <summary>Returns when the source does not have it any more. When it holds it for us again, it stays there.</summary>
    async Task AskOnceMoreAsync(IReadOnlyList<MovedVolume> copied, Exception why)
    {
        var stays = false;
        try
        {
            await source.DepartAsync(copied[0].Name, async _ =>
            {
                await target.TakeBackAsync(source.Domain, copied);
                stays = true;
                ExceptionDispatchInfo.Throw(why);
            });
        }
        catch (Exception unclear) when (!stays && unclear is Refusal or IOException)
        {
            throw Refusal.Unknown($"the move of volume {copied[0].Name} did not end: {why.Message} What arrived in domain {target.Domain} is whole and is not used, because whether domain {source.Domain} still has it could not be told: {unclear.Message} Ask again, and the move goes on.");
        }
    }

    async Task CopyAsync(ILeavingChain leaving, IProgress<double> progress, CancellationToken stop)
    {
        var (done, all) = (0L, 2 * leaving.Volumes.Sum(volume => volume.AllocatedBytes));
        try
        {
            foreach (var volume in leaving.Volumes.Reverse())
            {
                await target.ReceiveAsync(source.Domain, volume, (segments, ended) => ExtentCopy.RunAsync(
                    volume.Name, (offset, into) => leaving.ReadAsync(volume.Uuid, offset, into), target.Segments(volume.Name, segments), target.Holds,
                    bytes => progress.Report((double)(done += bytes) / all), ended), stop);
            }
        }
        catch when (target.Holds())
        {
            await target.TakeBackAsync(source.Domain, leaving.Volumes);
            throw;
        }
    }
}
