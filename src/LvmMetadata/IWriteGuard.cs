namespace OvirtSpm.LvmMetadata;

/// <summary>May this host still change the metadata? Asked before every write and after the last flush.</summary>
public interface IWriteGuard
{
    /// <summary>The version of the lease under which this host writes; stamped into every commit.</summary>
    ulong Epoch { get; }

    /// <summary>Reads the deadline now. A timer or a cancelled token is never the answer.</summary>
    bool MayWrite();

    /// <summary>Asks and issues in one: once the guard is closed for good, whatever it let through has been handed to the device.</summary>
    /// <returns>The write, issued; null when it may not be.</returns>
    ValueTask? Issue(Func<ValueTask> write) => MayWrite() ? write() : null;

    /// <summary>R25: reads the lease on the disk again; asked directly before the first header of a commit, beside the last look at the headers.</summary>
    /// <returns>Why the header must not be written; null when it may.</returns>
    ValueTask<string?> ConfirmAsync() => default;
}
