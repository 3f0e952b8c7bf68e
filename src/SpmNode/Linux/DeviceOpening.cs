using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>Opens a LUN, or says why that path is none.</summary>
internal static unsafe class DeviceOpening
{
    public static DirectBlockDevice Open(string path, bool readOnly, int? sectorSize, long minimumBytes)
    {
        if (string.IsNullOrEmpty(path) || path.Contains('\0'))
        {
            throw new DeviceRefusedException(DeviceProblem.NotFound, "No device was named. Give the path of a block device or an image file.");
        }

        if (sectorSize is not (null or 512 or 4096))
        {
            throw new DeviceRefusedException(DeviceProblem.SectorSize, $"A sector size of {sectorSize} bytes is not supported; use 512 or 4096.");
        }

        // Through one path its failure is the LUN's, and the multipath device on top has a cache of its own to write back.
        if (!readOnly && new DeviceStack().MultipathOver(path) is { } multipath)
        {
            throw new DeviceRefusedException(DeviceProblem.PathOfMultipath, $"{path} is one path of the multipath device {multipath}. Give that one: it goes on when a path fails.");
        }

        var handle = OpenHandle(path, readOnly);
        try
        {
            var geometry = Measure(handle, path, sectorSize);
            if (geometry.SizeBytes < Math.Max(minimumBytes, geometry.SectorSize))
            {
                throw new DeviceRefusedException(
                    DeviceProblem.TooSmall,
                    $"{path} has {geometry.SizeBytes} bytes, at least {Math.Max(minimumBytes, geometry.SectorSize)} are needed. Use a larger device, or enlarge the file with truncate.");
            }

            ProbeDirectRead(handle, path, geometry);
            return new DirectBlockDevice(handle, path, geometry, readOnly);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    static DeviceHandle OpenHandle(string path, bool readOnly)
    {
        var flags = (readOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_CLOEXEC;
        // What it is, before it is opened for I/O: opening a pipe would hang, and some character devices act on being opened.
        IsBlockDevice(path);
        while (true)
        {
            var descriptor = Libc.open(path, flags | Libc.O_DIRECT, 0);
            if (descriptor >= 0)
            {
                return new DeviceHandle(descriptor);
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Errno.EINTR:
                    continue;
                case Errno.EINVAL:
                    throw NoDirectIo(path);
                case Errno.ENOENT:
                    throw new DeviceRefusedException(DeviceProblem.NotFound, $"{path} does not exist. Check the path and that the LUN is logged in (multipath -ll, iscsiadm -m session).");
                case var errno and (Errno.EACCES or Errno.EPERM or Errno.EROFS):
                    throw new DeviceRefusedException(
                        DeviceProblem.NoPermission,
                        $"{path} cannot be opened for {(readOnly ? "reading" : "reading and writing")}: {Errno.Text(errno)}. Run as root or as a member of the device's group.");
                case var errno:
                    throw new DeviceRefusedException(DeviceProblem.Failed, $"{path} cannot be opened: {Errno.Text(errno)}. Look into the kernel log for this device.");
            }
        }
    }

    /// <returns>False: a regular file, or nothing at all.</returns>
    /// <exception cref="DeviceRefusedException">Something else.</exception>
    public static bool IsBlockDevice(string path)
    {
        FileStatus status;
        // An error here is met again, and told, by open.
        if (Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_TYPE, &status) != 0)
        {
            return false;
        }
        RefuseOtherKinds(path, status);
        return (status.Mode & Libc.S_IFMT) == Libc.S_IFBLK;
    }

    /// <summary>A regular file: not a device, a pipe or a directory, nor nothing at all. Links are followed.</summary>
    public static bool IsFile(string path)
    {
        FileStatus status;
        return Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_TYPE, &status) == 0 && (status.Mode & Libc.S_IFMT) == Libc.S_IFREG;
    }

    /// <summary>The same for every path that leads to the same device or file.</summary>
    public static string IdentityOf(string path)
    {
        FileStatus status;
        if (Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_TYPE | Libc.STATX_INO, &status) != 0)
        {
            return path;
        }
        return (status.Mode & Libc.S_IFMT) == Libc.S_IFBLK
            ? $"device {status.DeviceMajor}:{status.DeviceMinor}"
            : $"file {status.FileSystemMajor}:{status.FileSystemMinor}:{status.Inode}";
    }

    static void RefuseOtherKinds(string path, FileStatus status)
    {
        if ((status.Mode & Libc.S_IFMT) is not (Libc.S_IFBLK or Libc.S_IFREG))
        {
            throw new DeviceRefusedException(DeviceProblem.NotADevice, $"{path} is neither a block device nor a regular file. Give the LUN itself, such as /dev/mapper/<wwid>.");
        }
    }

    static DeviceGeometry Measure(DeviceHandle handle, string path, int? sectorSize)
    {
        FileStatus status;
        if (Libc.statx(handle.Descriptor, "", Libc.AT_EMPTY_PATH, Libc.STATX_TYPE | Libc.STATX_SIZE, &status) != 0)
        {
            throw Failed(path, "statx", Marshal.GetLastPInvokeError());
        }

        RefuseOtherKinds(path, status);
        if ((status.Mode & Libc.S_IFMT) == Libc.S_IFREG)
        {
            var fileSector = sectorSize ?? 512;
            // Punching a hole is quick and reads as zeros on every file system that has it; the others say so when asked.
            return new DeviceGeometry(false, fileSector, (long)status.Size / fileSector * fileSector, ZeroIsFast: true);
        }

        int sector;
        ulong size;
        if (Libc.ioctl(handle.Descriptor, Libc.BLKSSZGET, &sector) != 0 || Libc.ioctl(handle.Descriptor, Libc.BLKGETSIZE64, &size) != 0)
        {
            throw Failed(path, "asking for its size", Marshal.GetLastPInvokeError());
        }

        if (sector is not (512 or 4096) || (sectorSize ?? sector) != sector)
        {
            throw new DeviceRefusedException(
                DeviceProblem.SectorSize,
                $"{path} has sectors of {sector} bytes{(sectorSize is { } asked ? $", not {asked}" : "")}; {(sector is 512 or 4096 ? "leave the sector size out" : "only 512 and 4096 are supported, use another LUN")}.");
        }

        return new DeviceGeometry(true, sector, (long)size / sector * sector, ZeroIsFast: HasWriteZeroes(status))
        {
            DiscardStepBytes = DiscardStep(status),
            Number = $"{status.DeviceMajor}:{status.DeviceMinor}",
        };
    }

    /// <summary>Does the storage zero ranges by itself (WRITE SAME, Write Zeroes), or would the kernel send the zeros?</summary>
    /// <remarks>Slow is the answer that costs only time.</remarks>
    static bool HasWriteZeroes(FileStatus status) => QueueLimit(status, "write_zeroes_max_bytes") is > 0;

    /// <summary>Whole units of what the device gives back, as many as it takes at once; what is not known is tried, and refused by the kernel.</summary>
    static long DiscardStep(FileStatus status)
    {
        var most = Math.Min(QueueLimit(status, "discard_max_bytes") ?? DeviceGeometry.LongestStepBytes, DeviceGeometry.LongestStepBytes);
        var unit = Math.Max(QueueLimit(status, "discard_granularity") ?? 1, 1);
        return most >= unit ? most / unit * unit : most;
    }

    static long? QueueLimit(FileStatus status, string name)
    {
        // A partition has no queue of its own: its disk's is beside it.
        foreach (var place in (ReadOnlySpan<string>)["queue", "../queue"])
        {
            try
            {
                return long.TryParse(File.ReadAllText($"/sys/dev/block/{status.DeviceMajor}:{status.DeviceMinor}/{place}/{name}").Trim(), out var bytes) ? bytes : null;
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                // The next place.
            }
        }
        return null;
    }

    /// <summary>One read with the smallest alignment we will use: a file on 4096-byte sectors opens well and then refuses 512.</summary>
    static void ProbeDirectRead(DeviceHandle handle, string path, DeviceGeometry geometry)
    {
        var sector = geometry.SectorSize;
        var memory = (byte*)NativeMemory.AlignedAlloc(4096, 4096);
        try
        {
            var offset = geometry.SizeBytes >= 2L * sector ? sector : 0;
            nint count;
            do
            {
                count = Libc.pread(handle.Descriptor, memory, (nuint)sector, offset);
            }
            while (count < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);

            if (count == sector)
            {
                return;
            }

            var errno = count < 0 ? Marshal.GetLastPInvokeError() : 0;
            throw errno switch
            {
                Errno.EINVAL when sector == 512 => new DeviceRefusedException(
                    DeviceProblem.SectorSize, $"{path} refuses direct reads of 512 bytes: the storage below has larger sectors. Use a sector size of 4096."),
                Errno.EINVAL => NoDirectIo(path),
                0 => new DeviceRefusedException(DeviceProblem.Failed, $"{path} gave {count} of {sector} bytes at {offset}: it is smaller than it says. Check the LUN."),
                _ => Failed(path, $"reading {sector} bytes at {offset}", errno),
            };
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    static DeviceRefusedException Failed(string path, string what, int errno) => new(
        DeviceProblem.Failed, $"{path}: {what} failed: {Errno.Text(errno)}. Check the paths to the LUN and the kernel log.");

    static DeviceRefusedException NoDirectIo(string path) => new(
        DeviceProblem.NoDirectIo,
        $"The file system of {path} does not support direct I/O (O_DIRECT), without which leases are not safe. "
        + "Put the file on ext4 or xfs, or use a block device.");
}
