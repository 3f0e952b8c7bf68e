using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Walks the reading half of a takeover before it is needed.</summary>
/// <remarks>Finds a host whose path to the metadata is broken before the role is given to it, and has the code compiled. Believed is nothing of it:
/// the takeover reads again under its lease (R5).</remarks>
static class TakeoverRehearsal
{
    /// <returns>Why this host could not take the pool over; null when it could.</returns>
    public static async Task<string?> RunAsync(PoolDomain domain)
    {
        try
        {
            var read = await domain.Lun.ReadGroupAsync(domain.Seen.Newest);
            return read.Group is not { } group ? read.Problem
                : group.Uuid != domain.Group.Uuid ? "another volume group is on the LUN"
                : domain.MovedSince(group);
        }
        catch (IOException failed)
        {
            return failed.Message;
        }
    }
}
