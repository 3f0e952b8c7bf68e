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
/// acknowledged, or the source's metadata, read as its SPM, do not have it.</remarks>
sealed class VolumeMove(MoveEnd source, MoveEnd target)
{
    public async Task<VolumeInfo> RunAsync(string reference, IProgress<double> progress, CancellationToken stop)
    {
        if (source.ExtentBytes != target.ExtentBytes)
        {
            throw Refusal.Conflict($"the extents of the two domains differ ({source.ExtentBytes} and {target.ExtentBytes} bytes). Use 'volume export' and 'volume import'.");
        }
        if (source.Find(reference) is not { } leaf)
        {
            return await GoOnAsync(reference);
        }
        var chain = source.Movable(leaf);
        await target.TakeBackAsync(source.Domain, chain);
        await source.DepartAsync(chain, now => CopyAsync(now, progress, stop));
        return await target.SettleAsync([.. chain.Select(volume => target.Find(volume.Uuid)!)]);
    }

    /// <summary>It is not in the source: either it never was, or an earlier move ended before its last step.</summary>
    async Task<VolumeInfo> GoOnAsync(string reference)
    {
        if (Guid.TryParseExact(reference.Trim(), "D", out var uuid) && target.Find(uuid) is { IsUsable: true } there)
        {
            // The move was done, and its answer was lost.
            return there;
        }
        var arrived = target.Arrived(source.Domain, reference)
            ?? throw Refusal.NotFound($"no volume '{reference.Trim()}' is in domain {source.Domain}, and none from there is arriving in {target.Domain}. 'spm volume list' shows those there are.");
        // By its uuid: it may have got another alias meanwhile.
        return source.Find(arrived[0].Uuid) is null
            ? await target.SettleAsync(arrived)
            : throw Refusal.Conflict($"volume {arrived[0].Name} is still in domain {source.Domain}, under another alias. Name it by its uuid.");
    }

    async Task CopyAsync(IReadOnlyList<VolumeInfo> chain, IProgress<double> progress, CancellationToken stop)
    {
        var (done, all) = (0L, 2 * chain.Sum(volume => volume.AllocatedBytes));
        try
        {
            foreach (var volume in chain.Reverse())
            {
                var from = source.Segments(volume);
                await target.ReceiveAsync(source.Domain, volume, (segments, ended) => ExtentCopy.RunAsync(
                    volume.Name, from, target.Segments(volume.Name, segments), () => source.Holds() && target.Holds(),
                    bytes => progress.Report((double)(done += bytes) / all), ended), stop);
            }
        }
        catch when (target.Holds())
        {
            await target.TakeBackAsync(source.Domain, chain);
            throw;
        }
    }
}
