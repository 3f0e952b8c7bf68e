using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Linux;

/// <summary>A regular file as a disk image: read to its last byte, which need not end a sector.</summary>
public sealed class ImageFile : IImageFile
{
    readonly SafeFileHandle handle;
    readonly string path;

    ImageFile(string path, SafeFileHandle handle) => (this.path, this.handle, SizeBytes) = (path, handle, RandomAccess.GetLength(handle));

    public long SizeBytes { get; }

    /// <summary>A block device is read past the page cache: another host may have written it since.</summary>
    /// <exception cref="Refusal">Neither a file nor a block device.</exception>
    /// <exception cref="IOException">It is not there, or may not be read.</exception>
    public static IImageFile Open(string path)
    {
        try
        {
            // What it is, before it is opened: opening a pipe would hang.
            if (!DeviceOpening.IsBlockDevice(path))
            {
                return new ImageFile(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            }
            var device = DirectBlockDevice.Open(path, readOnly: true);
            return new VolumeImage(new SegmentTable([new VolumeSegment(device.OpenLane("image"), 0, device.SizeBytes)], 0, 0), device);
        }
        catch (DeviceRefusedException refused)
        {
            throw new Refusal(RefusalCode.Conflict, refused.Message);
        }
    }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        for (var done = 0; done < buffer.Length;)
        {
            var count = RandomAccess.Read(handle, buffer.Span[done..], offsetBytes + done);
            done += count > 0 ? count : throw new IOException($"{path} became shorter while it was read: {buffer.Length - done} bytes at {offsetBytes + done} are gone.");
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>Holes of a sparse file. A file system that knows none answers "data" for all of it.</summary>
    public (bool IsData, long EndBytes) RunAt(long offsetBytes)
    {
        var descriptor = (int)handle.DangerousGetHandle();
        var data = Libc.lseek(descriptor, offsetBytes, Libc.SEEK_DATA);
        if (data > offsetBytes)
        {
            return (false, Math.Min(data, SizeBytes));
        }
        if (data < 0)
        {
            // Nothing but a hole up to the end, or a file system that cannot tell.
            var hole = Marshal.GetLastPInvokeError() == Errno.ENXIO;
            return (!hole, SizeBytes);
        }
        var end = Libc.lseek(descriptor, offsetBytes, Libc.SEEK_HOLE);
        return (true, end > offsetBytes ? Math.Min(end, SizeBytes) : SizeBytes);
    }

    public void Dispose() => handle.Dispose();
}
