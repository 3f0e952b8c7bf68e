using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>The blocking calls behind a <see cref="DeviceRequest"/>.</summary>
internal static unsafe class DeviceCalls
{
    const int ZeroStepBytes = 1 << 20;
    const int EndOfDevice = -1;

    static readonly AlignedBuffer zeros = AlignedBufferPool.Shared.RentAligned(ZeroStepBytes);

    static DeviceCalls() => zeros.GetSpan().Clear();

    /// <returns>Null when done, else what went wrong; never throws, the thread of a lane must live.</returns>
    public static Exception? Perform(int descriptor, string device, bool isBlockDevice, DeviceRequest request)
    {
        try
        {
            var errno = request.Verb switch
            {
                DeviceVerb.Read => Read(descriptor, request),
                DeviceVerb.Write => Write(descriptor, request, durable: false),
                DeviceVerb.WriteDurable => Write(descriptor, request, durable: true),
                DeviceVerb.Flush => Flush(descriptor),
                DeviceVerb.Zero => Zero(descriptor, request, isBlockDevice, mayPunch: false),
                DeviceVerb.ZeroPunch => Zero(descriptor, request, isBlockDevice, mayPunch: true),
                DeviceVerb.Discard => Discard(descriptor, request, isBlockDevice),
                _ => Errno.EINVAL,
            };
            return errno == 0 ? null : Failure(device, request, errno);
        }
        catch (Exception problem)
        {
            return new IOException($"{request.Verb} of {request.LengthBytes} bytes at {request.OffsetBytes} of {device} failed: {problem.Message}", problem);
        }
    }

    static IOException Failure(string device, DeviceRequest request, int errno) => errno == EndOfDevice
        ? new($"{request.Verb} of {request.LengthBytes} bytes at {request.OffsetBytes} of {device} ended early: the device became smaller. Check the LUN.")
        : new($"{request.Verb} of {request.LengthBytes} bytes at {request.OffsetBytes} of {device} failed: {Errno.Text(errno)}. Check the paths to the LUN and the kernel log.", errno);

    static int Read(int descriptor, DeviceRequest request)
    {
        fixed (byte* start = request.Buffer!.GetSpan()[request.BufferOffset..])
        {
            for (long done = 0; done < request.LengthBytes;)
            {
                var count = Libc.pread(descriptor, start + done, (nuint)(request.LengthBytes - done), request.OffsetBytes + done);
                if (count == 0)
                {
                    return EndOfDevice;
                }

                if (count < 0 && LastErrno() is var errno and not Errno.EINTR)
                {
                    return errno;
                }

                done += Math.Max(count, 0);
            }
        }

        return 0;
    }

    static int Write(int descriptor, DeviceRequest request, bool durable)
    {
        fixed (byte* start = request.Buffer!.GetSpan()[request.BufferOffset..])
        {
            return Write(descriptor, start, request.LengthBytes, request.OffsetBytes, durable);
        }
    }

    static int Write(int descriptor, byte* start, long lengthBytes, long offsetBytes, bool durable)
    {
        var flushAfter = false;
        for (long done = 0; done < lengthBytes;)
        {
            var rest = new IoVector { Base = start + done, Length = (nuint)(lengthBytes - done) };
            var count = durable && !flushAfter
                ? Libc.pwritev2(descriptor, &rest, 1, offsetBytes + done, Libc.RWF_DSYNC)
                : Libc.pwrite(descriptor, rest.Base, rest.Length, offsetBytes + done);
            if (count == 0)
            {
                return EndOfDevice;
            }

            if (count > 0)
            {
                done += count;
                continue;
            }

            switch (LastErrno())
            {
                case Errno.EINTR:
                    break;
                case Errno.EOPNOTSUPP when durable && !flushAfter:
                    // No durable writes on this kernel: write, then flush. Slower, the same promise.
                    flushAfter = true;
                    break;
                case var errno:
                    return errno;
            }
        }

        return flushAfter ? Flush(descriptor) : 0;
    }

    static int Flush(int descriptor)
    {
        while (Libc.fdatasync(descriptor) != 0)
        {
            if (LastErrno() is var errno and not Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    /// <summary>By the kernel where it can, else by writing zeros: what was reported as zeroed must read as zeros.</summary>
    static int Zero(int descriptor, DeviceRequest request, bool isBlockDevice, bool mayPunch)
    {
        var errno = isBlockDevice
            ? RangeCall(descriptor, Libc.BLKZEROOUT, request)
            : Fallocate(descriptor, Libc.FALLOC_FL_KEEP_SIZE | (mayPunch ? Libc.FALLOC_FL_PUNCH_HOLE : Libc.FALLOC_FL_ZERO_RANGE), request);
        if (errno is not (Errno.EOPNOTSUPP or Errno.ENOTTY or Errno.ENOSYS or Errno.EINVAL))
        {
            return errno;
        }

        for (long done = 0; done < request.LengthBytes;)
        {
            var length = Math.Min(ZeroStepBytes, request.LengthBytes - done);
            fixed (byte* start = zeros.GetSpan())
            {
                errno = Write(descriptor, start, length, request.OffsetBytes + done, durable: false);
            }

            if (errno != 0)
            {
                return errno;
            }

            done += length;
        }

        return 0;
    }

    /// <summary>Advice: storage that cannot take it is no error.</summary>
    static int Discard(int descriptor, DeviceRequest request, bool isBlockDevice)
    {
        var errno = isBlockDevice
            ? RangeCall(descriptor, Libc.BLKDISCARD, request)
            : Fallocate(descriptor, Libc.FALLOC_FL_KEEP_SIZE | Libc.FALLOC_FL_PUNCH_HOLE, request);
        return errno is Errno.EOPNOTSUPP or Errno.ENOTTY or Errno.ENOSYS ? 0 : errno;
    }

    static int RangeCall(int descriptor, nuint call, DeviceRequest request)
    {
        var range = stackalloc ulong[2] { (ulong)request.OffsetBytes, (ulong)request.LengthBytes };
        while (Libc.ioctl(descriptor, call, range) != 0)
        {
            if (LastErrno() is var errno and not Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    static int Fallocate(int descriptor, int mode, DeviceRequest request)
    {
        while (Libc.fallocate(descriptor, mode, request.OffsetBytes, request.LengthBytes) != 0)
        {
            if (LastErrno() is var errno and not Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    static int LastErrno() => Marshal.GetLastPInvokeError();
}
