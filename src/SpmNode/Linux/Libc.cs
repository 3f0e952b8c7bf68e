using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>Declarations only. Numbers are those of Linux on x86-64 and arm64; LibcAbiTests compares them with a C compiler's.</summary>
internal static unsafe partial class Libc
{
    public const int O_RDONLY = 0;
    public const int O_RDWR = 2;
    public const int O_CLOEXEC = 0x80000;

    /// <summary>The one open flag used here that differs: arm64 swaps it with O_DIRECTORY.</summary>
    public static readonly int O_DIRECT = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    public const int F_OFD_GETLK = 36;
    public const int F_OFD_SETLK = 37;
    public const short F_RDLCK = 0;
    public const short F_WRLCK = 1;
    public const short F_UNLCK = 2;
    public const short SEEK_SET = 0;
    public const int SEEK_DATA = 3;
    public const int SEEK_HOLE = 4;

    public const int RWF_DSYNC = 2;
    public const int FALLOC_FL_KEEP_SIZE = 1;
    public const int FALLOC_FL_PUNCH_HOLE = 2;
    public const int FALLOC_FL_ZERO_RANGE = 16;

    public const nuint BLKSSZGET = 0x1268;
    public const nuint BLKDISCARD = 0x1277;
    public const nuint BLKZEROOUT = 0x127f;
    public const nuint BLKGETSIZE64 = 0x80081272;

    /// <summary>Of command 0; the commands are numbered upwards from there.</summary>
    public const nuint DM_IOCTL = 0xC138FD00;

    public const nuint WDIOC_GETSUPPORT = 0x80285700;
    public const nuint WDIOC_KEEPALIVE = 0x80045705;
    public const nuint WDIOC_SETTIMEOUT = 0xC0045706;
    public const nuint WDIOC_GETTIMEOUT = 0x80045707;
    public const nuint WDIOC_SETPRETIMEOUT = 0xC0045708;
    public const uint WDIOF_PRETIMEOUT = 0x200;
    public const uint WDIOF_SETTIMEOUT = 0x80;
    public const uint WDIOF_MAGICCLOSE = 0x100;
    public const uint WDIOF_KEEPALIVEPING = 0x8000;

    public const int CLOCK_MONOTONIC = 1;
    public const int CLOCK_BOOTTIME = 7;
    public const int TIMER_ABSTIME = 1;
    public const int SIGEV_SIGNAL = 0;
    public const int SIGKILL = 9;

    public const int SOL_SOCKET = 1;
    public const int SCM_RIGHTS = 1;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;

    /// <summary>Where the data of a control message begins.</summary>
    public const int CMSG_DATA = 16;

    public const int AT_FDCWD = -100;
    public const int AT_EMPTY_PATH = 0x1000;
    public const uint STATX_TYPE = 1;
    public const uint STATX_INO = 0x100;
    public const uint STATX_SIZE = 0x200;
    public const int S_IFMT = 0xF000;
    public const int S_IFBLK = 0x6000;
    public const int S_IFREG = 0x8000;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int open(string path, int flags, int mode);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int descriptor);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mknod(string path, int mode, ulong device);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int link(string path, string name);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pread(int descriptor, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwrite(int descriptor, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint pwritev2(int descriptor, IoVector* vectors, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fdatasync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    public static partial long lseek(int descriptor, long offset, int whence);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fallocate(int descriptor, int mode, long offset, long length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int fcntl(int descriptor, int command, FileLock* argument);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statx(int directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timer_create(int clock, SignalEvent* how, nint* timer);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timer_settime(nint timer, int flags, TimerSetting* setting, TimerSetting* old);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int timer_delete(nint timer);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc")]
    [SuppressGCTransition]
    public static partial int clock_gettime(int clock, TimeSpec* now);
}
