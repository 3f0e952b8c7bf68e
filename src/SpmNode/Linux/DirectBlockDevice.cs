using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>A LUN (block device or regular file), open for direct I/O past the page cache.</summary>
/// <remarks>
/// The page cache must not come between: another host's write would not be seen, and ours would land whenever the kernel likes.
/// I/O goes through lanes (<see cref="OpenLane"/>): each has threads of its own, so that a stuck device costs no thread of the
/// pool and a queue of guest data does not delay a lease. All lanes share this one open file description, which carries the
/// locks of <see cref="TryLockRange"/> (R7) and is closed when the last I/O through it has returned.
/// </remarks>
public sealed class DirectBlockDevice : IDisposable
{
    readonly DeviceHandle handle;
    readonly Lock guard = new();
    readonly List<DeviceLane> lanes = [];
    bool closed;

    internal DirectBlockDevice(DeviceHandle handle, string path, DeviceGeometry geometry, bool readOnly)
    {
        this.handle = handle;
        Path = path;
        Geometry = geometry;
        ReadOnly = readOnly;
    }

    public string Path { get; }

    public bool ReadOnly { get; }

    public bool IsBlockDevice => Geometry.IsBlockDevice;

    /// <summary>512 or 4096.</summary>
    public int SectorSize => Geometry.SectorSize;

    /// <summary>As it was when the device was opened; requests beyond are refused.</summary>
    public long SizeBytes => Geometry.SizeBytes;

    /// <summary>Writes (zeroing and discards included) of all lanes that were accepted and have not returned.</summary>
    /// <remarks>R8: while this is not 0, neither the SPM lease nor the host id may be released.</remarks>
    public int OutstandingWrites
    {
        get
        {
            lock (guard)
            {
                return lanes.Sum(lane => lane.OutstandingWrites);
            }
        }
    }

    internal DeviceGeometry Geometry { get; }

    /// <param name="sectorSize">For regular files: 512 (default) or 4096. A block device has its own, and a different one asked for is refused.</param>
    /// <param name="minimumBytes">Smaller than this is refused.</param>
    /// <exception cref="DeviceRefusedException"/>
    public static DirectBlockDevice Open(string path, bool readOnly = false, int? sectorSize = null, long minimumBytes = 0) =>
        DeviceOpening.Open(path, readOnly, sectorSize, minimumBytes);

    /// <param name="name">For messages and thread names: "leases", "metadata", "data".</param>
    /// <param name="threads">How many I/Os of this lane the device sees at once.</param>
    /// <param name="inline">Whoever waits for an I/O goes on, on the thread that did it. A chain of I/Os (a commit is about ten) then needs no
    /// other thread to wake up in between; in return the callers must not compute for long, nor block.</param>
    public DeviceLane OpenLane(string name, int threads = 2, bool inline = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        lock (guard)
        {
            ObjectDisposedException.ThrowIf(closed, this);
            var lane = new DeviceLane(this, handle, name, threads, inline);
            lanes.RemoveAll(old => old.IsOver);
            lanes.Add(lane);
            return lane;
        }
    }

    /// <summary>Takes an exclusive lock (F_OFD_SETLK) on a byte range, without waiting.</summary>
    /// <remarks>
    /// R7: the lock belongs to the very open file description that writes, so the kernel keeps it, also after a SIGKILL, until the
    /// last write through it has returned. It is seen by every process of this machine that opened the same device node or
    /// file; another node of the same device (a container's private /dev), or the file below a loop device, does not see it.
    /// </remarks>
    /// <returns>False if another open of the same path holds it. Held until <see cref="Dispose"/>.</returns>
    /// <exception cref="IOException">The file system has no such locks.</exception>
    public bool TryLockRange(long offsetBytes, long lengthBytes) => SetLock(Libc.F_WRLCK, offsetBytes, lengthBytes);

    /// <summary>Gives a lock of ours back early.</summary>
    public void UnlockRange(long offsetBytes, long lengthBytes) => SetLock(Libc.F_UNLCK, offsetBytes, lengthBytes);

    /// <summary>Completes when each lane has had a moment without a write on its way; under writes without a pause it does not.</summary>
    public Task WhenWritesReturnedAsync()
    {
        lock (guard)
        {
            return Task.WhenAll(lanes.Select(lane => lane.WhenWritesReturnedAsync()));
        }
    }

    /// <summary>Accepts nothing more. I/O accepted before is still done; the locks fall when the last of it has returned.</summary>
    public void Dispose()
    {
        lock (guard)
        {
            closed = true;
            foreach (var lane in lanes)
            {
                lane.Dispose();
            }
        }

        handle.Dispose();
    }

    unsafe bool SetLock(short type, long offsetBytes, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        var wanted = new FileLock { Type = type, Whence = Libc.SEEK_SET, Start = offsetBytes, Length = lengthBytes };
        var held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            while (Libc.fcntl(handle.Descriptor, Libc.F_OFD_SETLK, &wanted) != 0)
            {
                switch (Marshal.GetLastPInvokeError())
                {
                    case Errno.EINTR:
                        continue;
                    case Errno.EAGAIN or Errno.EACCES:
                        return false;
                    case var errno:
                        throw new IOException(
                            $"Bytes {offsetBytes} to {offsetBytes + lengthBytes - 1} of {Path} cannot be locked: {Errno.Text(errno)}. "
                            + "Without the lock two nodes of this machine could use one host id; use a block device or a local file system.");
                }
            }

            return true;
        }
        finally
        {
            handle.DangerousRelease();
        }
    }
}
