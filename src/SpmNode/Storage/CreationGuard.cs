using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Storage;

/// <summary>Guards the commits that make a domain, before there is a lease: nobody serves a group that is tagged unready.</summary>
sealed class CreationGuard : IWriteGuard
{
    /// <summary>The first SPM finds it on disk and takes a lease version above it (R22).</summary>
    public ulong Epoch => 1;

    public bool MayWrite() => true;
}
