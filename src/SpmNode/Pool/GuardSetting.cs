using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Pool;

/// <summary>Turns the guard against stock lvm2 on or off: one commit, in which every volume changes its words.</summary>
static class GuardSetting
{
    /// <param name="strangers">R23: host ids that are held without a record of ours.</param>
    public static async Task<GuardReply> SetAsync(SpmTerm term, bool on, Func<Task<IReadOnlyList<HostHolder>>> strangers)
    {
        var (domain, what) = (term.Domain, $"the guard was not turned {(on ? "on" : "off")}");
        Check(domain, term.Volumes.Group, on);
        if (on && await StrangerAsync(strangers) is { } stranger)
        {
            throw Hidden(stranger);
        }
        var id = DomainGuard.SystemIdOf(domain);
        var result = await term.Worker.SubmitAsync($"turn the guard {(on ? "on" : "off")}", draft =>
            // What somebody said on purpose stays: vgchange --systemid of a host that works on the group with lvm2.
            draft.SystemId.Length > 0 && draft.SystemId != id
                ? new EditOutcome.Refused($"the volume group has the system ID '{draft.SystemId}', which is not ours. Take it away on that system (vgchange --systemid \"\"), if nobody works on the group there.")
                : draft.SetSystemId(on ? id : ""));
        return result is PoolResult.Done done
            ? DomainGuard.Describe(domain, done.Group, done.Edit is EditOutcome.Done)
            : throw PoolRefusals.Of(result, what, term.Volumes.Group);
    }

    /// <exception cref="Refusal">oVirt's hosts would not find the domain any more.</exception>
    public static void Check(StorageDomain domain, VolumeGroup group, bool on)
    {
        if (on && DomainGuard.SharedWithOvirt(domain, group) is { } shared)
        {
            throw Hidden(shared);
        }
    }

    static Refusal Hidden(string why) =>
        Refusal.Conflict($"the guard was not turned on: {why}. Hosts of oVirt see a domain through lvm2 and would lose sight of this one. Tell each host's lvm2 to leave the LUN alone instead: 'spm host setup'.");

    static async Task<string?> StrangerAsync(Func<Task<IReadOnlyList<HostHolder>>> strangers) => await strangers() is [var first, ..]
        ? $"{first.Name} is held by a program without a record of ours, oVirt's or a node that is just starting" : null;
}
