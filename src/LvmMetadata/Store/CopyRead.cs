using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>One copy before the copies are compared.</summary>
internal sealed record CopyRead(CopyState State, TextLocation? Location, VolumeGroup? Group, ReadOnlyMemory<byte> Text)
{
    public static CopyRead Bad(CopyState state) => new(state, null, null, default);
}
