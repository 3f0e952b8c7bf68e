using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Whom lvm2 lets work on a group, and the words that go with it.</summary>
/// <param name="SystemId">Empty: every host.</param>
internal readonly record struct GroupOwner(string SystemId, ImmutableArray<string> Status, ImmutableArray<string> Flags)
{
    private const string NoAutoActivation = "NOAUTOACTIVATE";

    public bool IsLocked => Flags.Contains(WriteLock.Locked);

    public static GroupOwner Of(VolumeGroup group) => new(group.SystemId, group.Status, group.Flags);

    /// <summary>Somebody named activates volumes when they are wanted, not when the device appears; nobody takes that back.</summary>
    public GroupOwner Naming(string systemId)
    {
        var (status, flags) = WriteLock.Of(Status, Flags, systemId.Length > 0);
        return new(systemId, status, systemId.Length == 0 || flags.Contains(NoAutoActivation) ? flags : flags.Add(NoAutoActivation));
    }
}
