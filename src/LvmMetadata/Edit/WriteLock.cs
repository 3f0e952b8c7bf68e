using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>WRITE as lvm2 says it: a status word, or in a group with a system id a flag, so that tools too old to know system ids see it read-only.</summary>
internal static class WriteLock
{
    public const string Locked = "WRITE_LOCKED";
    private const string Write = "WRITE";

    /// <returns>The same lists when they say it so already; what is read-only stays read-only.</returns>
    public static (ImmutableArray<string> Status, ImmutableArray<string> Flags) Of(ImmutableArray<string> status, ImmutableArray<string> flags, bool locked)
    {
        if (locked)
        {
            // lvm2's order: this flag first.
            return status.Contains(Write) ? (status.Remove(Write), flags.Contains(Locked) ? flags : flags.Insert(0, Locked)) : (status, flags);
        }
        // READ stands before WRITE, and RESIZEABLE before both.
        return flags.Contains(Locked)
            ? (status.Contains(Write) ? status : status.Insert(status.IndexOf("READ") + 1, Write), flags.Remove(Locked))
            : (status, flags);
    }
}
