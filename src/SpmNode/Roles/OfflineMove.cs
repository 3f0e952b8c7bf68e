using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Moves a volume between the domains of two LUNs, as the SPM of both for as long as that takes.</summary>
static class OfflineMove
{
    /// <exception cref="Refusal">A node is SPM of one of them, or the volume cannot be moved.</exception>
    public static async Task<VolumeReply> RunAsync(
        ILun from, ILun to, OfflinePorts ports, string reference, bool wait, IProgress<double> progress, CancellationToken stop)
    {
        // Before anything is taken: of one domain, the second SPM would wait for the first.
        var (here, there) = (await StorageDomain.OpenAnyAsync(from), await StorageDomain.OpenAnyAsync(to));
        if (here.Uuid == there.Uuid)
        {
            throw Refusal.Invalid($"{from.Path} and {to.Path} both carry domain {here.Uuid}: a volume moves to another domain.");
        }
        await using var source = await OpenAsync(from, ports, wait, stop);
        await using var target = await OpenAsync(to, ports, wait, stop);
        var moved = await new VolumeMove(source.Verbs.Leaving(), target.Verbs.Arriving()).RunAsync(reference, progress, stop);
        return await target.GetVolumeAsync(moved.Name);
    }

    static async Task<OfflinePool> OpenAsync(ILun lun, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        try
        {
            return await OfflinePool.OpenAsync(lun, ports, wait, stop);
        }
        catch (Refusal refused) when (refused.Code == RefusalCode.Conflict)
        {
            throw Refusal.Conflict($"{lun.Path}: {refused.Message} With --lun a move needs both domains to itself; while their nodes run, give --url and --to-url instead.");
        }
    }
}
