namespace OvirtSpm.LvmMetadata;

/// <summary>May this host still change the metadata? Asked before every write and after the last flush.</summary>
public interface IWriteGuard
{
    /// <summary>The version of the lease under which this host writes; stamped into every commit.</summary>
    ulong Epoch { get; }

    /// <summary>Reads the deadline now. A timer or a cancelled token is never the answer.</summary>
    bool MayWrite();
}
