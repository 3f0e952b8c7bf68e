using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OvirtSpm.Node.Demo;

/// <summary>A file as a block device, for tools that take nothing else.</summary>
/// <remarks>
/// Configured with autoclear while this process holds it open: the kernel detaches it when the last user is gone, so no crash leaves one behind.
/// Source: linux/loop.h.
/// <code>
/// struct loop_config (304 bytes): 0 u32 backing file   4 u32 block size   8 struct loop_info64   240 u64[8] reserved
/// struct loop_info64 (232 bytes): 52 u32 flags (1 read-only, 4 autoclear)   56 char[64] file name
/// </code>
/// </remarks>
sealed class LoopDevice : IDisposable
{
    const int ConfigBytes = 304, BlockSizeAt = 4, FlagsAt = 8 + 52, NameAt = 8 + 56, NameBytes = 63;
    const uint ReadOnly = 1, AutoClear = 4;

    readonly SafeFileHandle held;

    LoopDevice(string path, SafeFileHandle held) => (Path, this.held) = (path, held);

    public string Path { get; }

    /// <exception cref="UnauthorizedAccessException">This user or container may not make loop devices.</exception>
    /// <exception cref="IOException">It may, and it did not work.</exception>
    public static LoopDevice Attach(string file, int sectorSize, bool writable = false)
    {
        using var backing = Open(file, writable);
        using var control = Open("/dev/loop-control");
        for (var attempt = 0; ; attempt++)
        {
            var number = Native.ioctl(control, Native.LOOP_CTL_GET_FREE, 0);
            if (number < 0)
            {
                throw Failure("no free loop device", Marshal.GetLastPInvokeError());
            }
            var path = $"/dev/loop{number}";
            var device = Open(path, writable);
            if (Configure(device, backing, file, sectorSize, writable) is var error && error == 0)
            {
                return new(path, device);
            }
            device.Dispose();
            // Somebody else took the same free number in between.
            if (error != Native.EBUSY || attempt >= 20)
            {
                throw Failure($"{path} does not take {file}", error);
            }
        }
    }

    public void Dispose() => held.Dispose();

    static unsafe int Configure(SafeFileHandle device, SafeFileHandle backing, string file, int sectorSize, bool writable)
    {
        Span<byte> config = stackalloc byte[ConfigBytes];
        config.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(config, (int)backing.DangerousGetHandle());
        BinaryPrimitives.WriteInt32LittleEndian(config[BlockSizeAt..], sectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(config[FlagsAt..], writable ? AutoClear : ReadOnly | AutoClear);
        var name = Encoding.UTF8.GetBytes(file);
        name.AsSpan(0, Math.Min(name.Length, NameBytes)).CopyTo(config[NameAt..]);
        fixed (byte* bytes = config)
        {
            return Native.ioctl(device, Native.LOOP_CONFIGURE, bytes) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    static SafeFileHandle Open(string path, bool writable = false)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, writable ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite);
        }
        catch (FileNotFoundException) when (path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            // A container without loop devices: nothing here can be done about it from inside.
            throw new UnauthorizedAccessException($"{path} does not exist here");
        }
    }

    static Exception Failure(string what, int error)
    {
        var message = $"{what}: {Marshal.GetPInvokeErrorMessage(error)}";
        return error is Native.EPERM or Native.EACCES ? new UnauthorizedAccessException(message) : new IOException(message);
    }
}
