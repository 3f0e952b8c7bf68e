using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Whom stock lvm2 lets work on the group.</summary>
public sealed partial class VolumeGroupDraft
{
    private GroupOwner owner;

    /// <summary>As the batch leaves it; empty: every host.</summary>
    public string SystemId => owner.SystemId;

    /// <summary>
    /// Names the only system that lvm2 lets work on the group, with all that lvm2 writes along with it: WRITE becomes WRITE_LOCKED, in every
    /// volume too. Empty takes that back. AlreadyThere when the text says so already.
    /// </summary>
    public EditOutcome SetSystemId(string systemId)
    {
        if ((From.WriteRefusal ?? (systemId.Length == 0 ? null : SystemIdProblem(systemId))) is { } problem)
        {
            return new EditOutcome.Refused(problem);
        }
        var next = owner.Naming(systemId);
        var changed = next != owner;
        owner = next;
        foreach (var volume in From.LogicalVolumes.Where(volume => !changes.ContainsKey(volume.Text.Ordinal)).Concat(changes.Values.OfType<LogicalVolume>()).ToList())
        {
            if (LogicalVolumeEdit.WithWriteLocked(volume, next.IsLocked) is var said && said != volume)
            {
                changed = true;
                Put(volume, said);
            }
        }
        return changed ? new EditOutcome.Done(0) : new EditOutcome.AlreadyThere(0);
    }

    /// <summary>lvm2 drops other characters when it reads a system id, and knows it no more.</summary>
    private static string? SystemIdProblem(string systemId) =>
        systemId.StartsWith("localhost", StringComparison.Ordinal) ? "lvm2 takes no system id that begins with localhost"
        : GroupRules.NameProblem(systemId);
}
