using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>A file that is seen whole or not at all: written under another name beside its place, then moved there.</summary>
static class FileReplacement
{
    /// <param name="written">Complete, in the same directory as <paramref name="target"/>.</param>
    /// <param name="replace">Otherwise a file that came there meanwhile stays.</param>
    /// <exception cref="IOException">It is not there; what was there is.</exception>
    public static void Publish(string written, string target, bool replace)
    {
        // Its bytes before its name: after a power cut the name must not stand for a file with holes.
        using (var bytes = File.OpenHandle(written, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(bytes);
        }
        File.Move(written, target, replace);
        FlushDirectory(Path.GetDirectoryName(target)!);
    }

    static void FlushDirectory(string directory)
    {
        var descriptor = Libc.open(directory, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (descriptor < 0)
        {
            throw new IOException($"{directory} cannot be opened: {Errno.Text(Marshal.GetLastPInvokeError())}.");
        }
        using var handle = new DeviceHandle(descriptor);
        if (Libc.fsync(handle.Descriptor) != 0)
        {
            throw new IOException($"the file is there, but {directory} cannot be flushed: {Errno.Text(Marshal.GetLastPInvokeError())}.");
        }
    }
}
