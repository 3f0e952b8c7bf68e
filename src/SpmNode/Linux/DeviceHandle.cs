using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>One open file description. The descriptor is closed when its last lane has done its last I/O.</summary>
/// <remarks>R7: the host id's lock hangs on this description, so it cannot be gone while an I/O through it is under way.</remarks>
internal sealed class DeviceHandle : SafeHandle
{
    public DeviceHandle(int descriptor) : base(-1, ownsHandle: true) => SetHandle(descriptor);

    /// <summary>For calls made while a reference is held; SafeHandle's own marshalling refuses as soon as it is disposed, also what was accepted before.</summary>
    public int Descriptor => (int)handle;

    public override bool IsInvalid => handle < 0;

    protected override bool ReleaseHandle() => Libc.close(Descriptor) == 0;
}
