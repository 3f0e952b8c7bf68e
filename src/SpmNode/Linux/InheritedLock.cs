using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>A shared lock on some bytes that every process inherits which is started while it is held, and their children after them.</summary>
/// <remarks>
/// The kernel gives it back when the last of them has ended, however they end. It is of an open file description of its own, for reading
/// only: whoever inherits it cannot write the LUN through it. Whoever wants to know tries an exclusive lock on the same bytes.
/// </remarks>
public sealed unsafe class InheritedLock : IDisposable
{
    int descriptor;

    /// <exception cref="IOException">The file cannot be opened or locked.</exception>
    public InheritedLock(string path, long offsetBytes, long lengthBytes)
    {
        // Without O_CLOEXEC, which is the point.
        descriptor = Libc.open(path, Libc.O_RDONLY, 0);
        if (descriptor < 0)
        {
            throw new IOException($"{path} cannot be opened for reading: {Errno.Text(Marshal.GetLastPInvokeError())}.");
        }
        var wanted = new FileLock { Type = Libc.F_RDLCK, Whence = Libc.SEEK_SET, Start = offsetBytes, Length = lengthBytes };
        while (Libc.fcntl(descriptor, Libc.F_OFD_SETLK, &wanted) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if (errno != Errno.EINTR)
            {
                Dispose();
                throw new IOException($"Bytes {offsetBytes} to {offsetBytes + lengthBytes - 1} of {path} cannot be locked: {Errno.Text(errno)}.");
            }
        }
    }

    /// <summary>Gives up our own share; those who inherited it keep theirs.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref descriptor, -1) is >= 0 and var open)
        {
            _ = Libc.close(open);
        }
    }
}
