using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OvirtSpm.Node.Demo;

/// <summary>Declarations only: what the demo needs of Linux beyond the class library. Numbers are equal on x86-64 and arm64.</summary>
static partial class Native
{
    public const long PidfdSendSignal = 424, PidfdOpen = 434;
    public const int SIGKILL = 9, SIGTERM = 15;
    public const nuint LOOP_CONFIGURE = 0x4C0A, LOOP_CTL_GET_FREE = 0x4C82;
    public const int EPERM = 1, EACCES = 13, EBUSY = 16;
    public const int AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100;
    public const uint STATX_UID = 8;

    [LibraryImport("libc", SetLastError = true)]
    public static partial long syscall(long number, long first, long second, long third, long fourth);

    [LibraryImport("libc")]
    public static partial int close(int descriptor);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(SafeFileHandle file, nuint request, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    public static unsafe partial int ioctl(SafeFileHandle file, nuint request, byte* argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static unsafe partial int statx(int directory, string path, int flags, uint mask, byte* result);
}
