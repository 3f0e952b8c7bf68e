using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary><c>struct flock</c> of a 64-bit system.</summary>
/// <remarks><code>
///  0 i16 type    2 i16 whence    8 i64 start    16 i64 length    24 i32 pid (0 for OFD locks)    32 end
/// </code>Source: fcntl(2), checked by LibcAbiTests.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct FileLock
{
    [FieldOffset(0)] public short Type;
    [FieldOffset(2)] public short Whence;
    [FieldOffset(8)] public long Start;
    [FieldOffset(16)] public long Length;
    [FieldOffset(24)] public int Pid;
}

/// <summary><c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public byte* Base;
    public nuint Length;
}

/// <summary><c>struct msghdr</c> of a 64-bit system.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public byte* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public byte* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary><c>struct cmsghdr</c> of a 64-bit system.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ControlHeader
{
    public nuint Length;
    public int Level;
    public int Type;
}

/// <summary><c>struct timespec</c> of a 64-bit system.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimeSpec
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary><c>struct itimerspec</c> of a 64-bit system.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TimerSetting
{
    public TimeSpec Interval;
    public TimeSpec Value;
}

/// <summary>The fields of <c>struct sigevent</c> that are used here.</summary>
/// <remarks><code>
///  0 u64 value   8 i32 signal   12 i32 notify   64 end
/// </code>Source: sigevent(3type), checked by LibcAbiTests.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct SignalEvent
{
    [FieldOffset(8)] public int Signal;
    [FieldOffset(12)] public int Notify;
}

/// <summary><c>struct watchdog_info</c>.</summary>
/// <remarks><code>
///  0 u32 options   4 u32 firmware version   8 32B identity   40 end
/// </code>Source: linux/watchdog.h, checked by LibcAbiTests.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct WatchdogInfo
{
    [FieldOffset(0)] public uint Options;
    [FieldOffset(8)] public fixed byte Identity[32];
}

/// <summary>The fields of <c>struct statx</c> that are read here.</summary>
/// <remarks><code>
///  0 u32 mask   28 u16 mode   32 u64 inode   40 u64 size   128 u32 rdev major   132 u32 rdev minor
///  136 u32 dev major   140 u32 dev minor   256 end
/// </code>Source: statx(2), checked by LibcAbiTests.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    [FieldOffset(0)] public uint Mask;
    [FieldOffset(28)] public ushort Mode;
    [FieldOffset(32)] public ulong Inode;
    [FieldOffset(40)] public ulong Size;
    [FieldOffset(128)] public uint DeviceMajor;
    [FieldOffset(132)] public uint DeviceMinor;
    [FieldOffset(136)] public uint FileSystemMajor;
    [FieldOffset(140)] public uint FileSystemMinor;
}
