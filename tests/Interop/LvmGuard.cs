using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Interop;

/// <summary>A lease that never ends.</summary>
public sealed class LvmGuard(ulong epoch) : IWriteGuard
{
    public ulong Epoch => epoch;

    public bool MayWrite() => true;
}
