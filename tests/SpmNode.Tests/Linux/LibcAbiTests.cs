using System.Runtime.InteropServices;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class LibcAbiTests
{
    const string Source = """
        #define _GNU_SOURCE
        #include <stdio.h>
        #include <stddef.h>
        #include <fcntl.h>
        #include <time.h>
        #include <errno.h>
        #include <signal.h>
        #include <sys/uio.h>
        #include <sys/socket.h>
        #include <sys/stat.h>
        #include <linux/fs.h>
        #include <linux/watchdog.h>
        #define SAY(name, value) printf("%s %llu\n", name, (unsigned long long)(value))
        int main(void) {
            SAY("flock.size", sizeof(struct flock)); SAY("flock.type", offsetof(struct flock, l_type));
            SAY("flock.whence", offsetof(struct flock, l_whence)); SAY("flock.start", offsetof(struct flock, l_start));
            SAY("flock.length", offsetof(struct flock, l_len)); SAY("flock.pid", offsetof(struct flock, l_pid));
            SAY("iovec.size", sizeof(struct iovec)); SAY("iovec.length", offsetof(struct iovec, iov_len));
            SAY("msghdr.size", sizeof(struct msghdr)); SAY("msghdr.vectors", offsetof(struct msghdr, msg_iov));
            SAY("msghdr.count", offsetof(struct msghdr, msg_iovlen)); SAY("msghdr.control", offsetof(struct msghdr, msg_control));
            SAY("msghdr.controllen", offsetof(struct msghdr, msg_controllen)); SAY("cmsghdr.size", sizeof(struct cmsghdr));
            SAY("cmsghdr.level", offsetof(struct cmsghdr, cmsg_level)); SAY("cmsghdr.type", offsetof(struct cmsghdr, cmsg_type));
            SAY("CMSG_DATA", CMSG_LEN(0)); SAY("SOL_SOCKET", SOL_SOCKET); SAY("SCM_RIGHTS", SCM_RIGHTS);
            SAY("MSG_DONTWAIT", MSG_DONTWAIT); SAY("MSG_CMSG_CLOEXEC", MSG_CMSG_CLOEXEC);
            SAY("timespec.size", sizeof(struct timespec)); SAY("timespec.nanoseconds", offsetof(struct timespec, tv_nsec));
            SAY("itimerspec.size", sizeof(struct itimerspec)); SAY("itimerspec.value", offsetof(struct itimerspec, it_value));
            SAY("sigevent.size", sizeof(struct sigevent)); SAY("sigevent.signal", offsetof(struct sigevent, sigev_signo));
            SAY("sigevent.notify", offsetof(struct sigevent, sigev_notify));
            SAY("watchdog_info.size", sizeof(struct watchdog_info)); SAY("watchdog_info.options", offsetof(struct watchdog_info, options));
            SAY("watchdog_info.identity", offsetof(struct watchdog_info, identity));
            SAY("WDIOC_GETSUPPORT", WDIOC_GETSUPPORT); SAY("WDIOC_KEEPALIVE", WDIOC_KEEPALIVE);
            SAY("WDIOC_SETTIMEOUT", WDIOC_SETTIMEOUT); SAY("WDIOC_GETTIMEOUT", WDIOC_GETTIMEOUT);
            SAY("WDIOC_SETPRETIMEOUT", WDIOC_SETPRETIMEOUT); SAY("WDIOF_PRETIMEOUT", WDIOF_PRETIMEOUT);
            SAY("WDIOF_SETTIMEOUT", WDIOF_SETTIMEOUT); SAY("WDIOF_MAGICCLOSE", WDIOF_MAGICCLOSE); SAY("WDIOF_KEEPALIVEPING", WDIOF_KEEPALIVEPING);
            SAY("CLOCK_MONOTONIC", CLOCK_MONOTONIC);
            SAY("SIGEV_SIGNAL", SIGEV_SIGNAL); SAY("SIGKILL", SIGKILL); SAY("TIMER_ABSTIME", TIMER_ABSTIME);
            SAY("statx.size", sizeof(struct statx)); SAY("statx.mode", offsetof(struct statx, stx_mode));
            SAY("statx.length", offsetof(struct statx, stx_size)); SAY("statx.major", offsetof(struct statx, stx_rdev_major));
            SAY("statx.minor", offsetof(struct statx, stx_rdev_minor));
            SAY("O_RDONLY", O_RDONLY); SAY("O_RDWR", O_RDWR); SAY("O_DIRECT", O_DIRECT); SAY("O_CLOEXEC", O_CLOEXEC);
            SAY("F_OFD_GETLK", F_OFD_GETLK); SAY("F_OFD_SETLK", F_OFD_SETLK);
            SAY("F_RDLCK", F_RDLCK); SAY("F_WRLCK", F_WRLCK); SAY("F_UNLCK", F_UNLCK); SAY("SEEK_SET", SEEK_SET);
            SAY("SEEK_DATA", SEEK_DATA); SAY("SEEK_HOLE", SEEK_HOLE); SAY("ENXIO", ENXIO);
            SAY("RWF_DSYNC", RWF_DSYNC); SAY("FALLOC_FL_KEEP_SIZE", FALLOC_FL_KEEP_SIZE);
            SAY("FALLOC_FL_PUNCH_HOLE", FALLOC_FL_PUNCH_HOLE); SAY("FALLOC_FL_ZERO_RANGE", FALLOC_FL_ZERO_RANGE);
            SAY("BLKSSZGET", BLKSSZGET); SAY("BLKDISCARD", BLKDISCARD); SAY("BLKZEROOUT", BLKZEROOUT); SAY("BLKGETSIZE64", BLKGETSIZE64);
            SAY("CLOCK_BOOTTIME", CLOCK_BOOTTIME); SAY("AT_EMPTY_PATH", AT_EMPTY_PATH); SAY("-AT_FDCWD", -AT_FDCWD);
            SAY("STATX_TYPE", STATX_TYPE); SAY("STATX_SIZE", STATX_SIZE);
            SAY("S_IFMT", S_IFMT); SAY("S_IFBLK", S_IFBLK); SAY("S_IFREG", S_IFREG);
            SAY("EPERM", EPERM); SAY("ENOENT", ENOENT); SAY("EINTR", EINTR); SAY("EAGAIN", EAGAIN); SAY("EACCES", EACCES);
            SAY("EBUSY", EBUSY); SAY("EINVAL", EINVAL); SAY("ENOTTY", ENOTTY); SAY("EROFS", EROFS); SAY("ENOSYS", ENOSYS);
            SAY("EOPNOTSUPP", EOPNOTSUPP);
            return 0;
        }
        """;

    [Fact]
    public void Structures_and_numbers_are_those_of_the_C_compiler()
    {
        using var scratch = new ScratchFile(0);
        var theirs = Tool.Run(Tool.Compile(scratch, "abi", Source)).TrimEnd().Split('\n').Order(StringComparer.Ordinal);
        var ours = new Dictionary<string, ulong>
        {
            ["flock.size"] = (ulong)Marshal.SizeOf<FileLock>(),
            ["flock.type"] = At<FileLock>(nameof(FileLock.Type)),
            ["flock.whence"] = At<FileLock>(nameof(FileLock.Whence)),
            ["flock.start"] = At<FileLock>(nameof(FileLock.Start)),
            ["flock.length"] = At<FileLock>(nameof(FileLock.Length)),
            ["flock.pid"] = At<FileLock>(nameof(FileLock.Pid)),
            ["iovec.size"] = (ulong)Marshal.SizeOf<IoVector>(),
            ["iovec.length"] = At<IoVector>(nameof(IoVector.Length)),
            ["msghdr.size"] = (ulong)Marshal.SizeOf<MessageHeader>(), ["msghdr.vectors"] = At<MessageHeader>(nameof(MessageHeader.Vectors)),
            ["msghdr.count"] = At<MessageHeader>(nameof(MessageHeader.VectorCount)), ["msghdr.control"] = At<MessageHeader>(nameof(MessageHeader.Control)),
            ["msghdr.controllen"] = At<MessageHeader>(nameof(MessageHeader.ControlLength)), ["cmsghdr.size"] = (ulong)Marshal.SizeOf<ControlHeader>(),
            ["cmsghdr.level"] = At<ControlHeader>(nameof(ControlHeader.Level)), ["cmsghdr.type"] = At<ControlHeader>(nameof(ControlHeader.Type)),
            ["CMSG_DATA"] = Libc.CMSG_DATA, ["SOL_SOCKET"] = Libc.SOL_SOCKET, ["SCM_RIGHTS"] = Libc.SCM_RIGHTS,
            ["MSG_DONTWAIT"] = Libc.MSG_DONTWAIT, ["MSG_CMSG_CLOEXEC"] = Libc.MSG_CMSG_CLOEXEC,
            ["timespec.size"] = (ulong)Marshal.SizeOf<TimeSpec>(),
            ["timespec.nanoseconds"] = At<TimeSpec>(nameof(TimeSpec.Nanoseconds)),
            ["itimerspec.size"] = (ulong)Marshal.SizeOf<TimerSetting>(),
            ["itimerspec.value"] = At<TimerSetting>(nameof(TimerSetting.Value)),
            ["sigevent.size"] = (ulong)Marshal.SizeOf<SignalEvent>(),
            ["sigevent.signal"] = At<SignalEvent>(nameof(SignalEvent.Signal)),
            ["sigevent.notify"] = At<SignalEvent>(nameof(SignalEvent.Notify)),
            ["watchdog_info.size"] = (ulong)Marshal.SizeOf<WatchdogInfo>(),
            ["watchdog_info.options"] = At<WatchdogInfo>(nameof(WatchdogInfo.Options)),
            ["watchdog_info.identity"] = At<WatchdogInfo>(nameof(WatchdogInfo.Identity)),
            ["WDIOC_GETSUPPORT"] = Libc.WDIOC_GETSUPPORT, ["WDIOC_KEEPALIVE"] = Libc.WDIOC_KEEPALIVE,
            ["WDIOC_SETTIMEOUT"] = Libc.WDIOC_SETTIMEOUT, ["WDIOC_GETTIMEOUT"] = Libc.WDIOC_GETTIMEOUT,
            ["WDIOC_SETPRETIMEOUT"] = Libc.WDIOC_SETPRETIMEOUT, ["WDIOF_PRETIMEOUT"] = Libc.WDIOF_PRETIMEOUT,
            ["WDIOF_SETTIMEOUT"] = Libc.WDIOF_SETTIMEOUT, ["WDIOF_MAGICCLOSE"] = Libc.WDIOF_MAGICCLOSE, ["WDIOF_KEEPALIVEPING"] = Libc.WDIOF_KEEPALIVEPING,
            ["CLOCK_MONOTONIC"] = Libc.CLOCK_MONOTONIC,
            ["SIGEV_SIGNAL"] = Libc.SIGEV_SIGNAL, ["SIGKILL"] = Libc.SIGKILL, ["TIMER_ABSTIME"] = Libc.TIMER_ABSTIME,
            ["statx.size"] = (ulong)Marshal.SizeOf<FileStatus>(),
            ["statx.mode"] = At<FileStatus>(nameof(FileStatus.Mode)),
            ["statx.length"] = At<FileStatus>(nameof(FileStatus.Size)),
            ["statx.major"] = At<FileStatus>(nameof(FileStatus.DeviceMajor)),
            ["statx.minor"] = At<FileStatus>(nameof(FileStatus.DeviceMinor)),
            ["O_RDONLY"] = Libc.O_RDONLY, ["O_RDWR"] = Libc.O_RDWR, ["O_DIRECT"] = (ulong)Libc.O_DIRECT, ["O_CLOEXEC"] = Libc.O_CLOEXEC,
            ["F_OFD_GETLK"] = Libc.F_OFD_GETLK, ["F_OFD_SETLK"] = Libc.F_OFD_SETLK,
            ["F_RDLCK"] = (ulong)Libc.F_RDLCK, ["F_WRLCK"] = (ulong)Libc.F_WRLCK, ["F_UNLCK"] = (ulong)Libc.F_UNLCK, ["SEEK_SET"] = (ulong)Libc.SEEK_SET,
            ["SEEK_DATA"] = Libc.SEEK_DATA, ["SEEK_HOLE"] = Libc.SEEK_HOLE, ["ENXIO"] = Errno.ENXIO,
            ["RWF_DSYNC"] = Libc.RWF_DSYNC, ["FALLOC_FL_KEEP_SIZE"] = Libc.FALLOC_FL_KEEP_SIZE,
            ["FALLOC_FL_PUNCH_HOLE"] = Libc.FALLOC_FL_PUNCH_HOLE, ["FALLOC_FL_ZERO_RANGE"] = Libc.FALLOC_FL_ZERO_RANGE,
            ["BLKSSZGET"] = Libc.BLKSSZGET, ["BLKDISCARD"] = Libc.BLKDISCARD, ["BLKZEROOUT"] = Libc.BLKZEROOUT, ["BLKGETSIZE64"] = Libc.BLKGETSIZE64,
            ["CLOCK_BOOTTIME"] = Libc.CLOCK_BOOTTIME, ["AT_EMPTY_PATH"] = Libc.AT_EMPTY_PATH, ["-AT_FDCWD"] = (ulong)-Libc.AT_FDCWD,
            ["STATX_TYPE"] = Libc.STATX_TYPE, ["STATX_SIZE"] = Libc.STATX_SIZE,
            ["S_IFMT"] = Libc.S_IFMT, ["S_IFBLK"] = Libc.S_IFBLK, ["S_IFREG"] = Libc.S_IFREG,
            ["EPERM"] = Errno.EPERM, ["ENOENT"] = Errno.ENOENT, ["EINTR"] = Errno.EINTR, ["EAGAIN"] = Errno.EAGAIN, ["EACCES"] = Errno.EACCES,
            ["EBUSY"] = Errno.EBUSY, ["EINVAL"] = Errno.EINVAL, ["ENOTTY"] = Errno.ENOTTY, ["EROFS"] = Errno.EROFS, ["ENOSYS"] = Errno.ENOSYS,
            ["EOPNOTSUPP"] = Errno.EOPNOTSUPP,
        };
        Assert.Equal(theirs, ours.Select(pair => $"{pair.Key} {pair.Value}").Order(StringComparer.Ordinal));
    }

    static ulong At<T>(string field) => (ulong)Marshal.OffsetOf<T>(field);
}
