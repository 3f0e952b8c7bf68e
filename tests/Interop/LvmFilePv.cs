using Microsoft.Win32.SafeHandles;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Interop;

/// <summary>An image file as a physical volume, through the page cache: what the loop device over it sees, too.</summary>
public sealed class LvmFilePv(string path, int sectorSize = 512) : IPvArea, IDisposable
{
    private readonly SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    public int SectorSize => sectorSize;

    public long SizeBytes => RandomAccess.GetLength(file);

    public string Name => path;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        for (var done = 0; done < buffer.Length;)
        {
            var read = RandomAccess.Read(file, buffer.Span[done..], offsetBytes + done);
            if (read == 0)
            {
                throw new IOException($"{path}: read of {buffer.Length} bytes at {offsetBytes} ends early");
            }
            done += read;
        }
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        RandomAccess.Write(file, data.Span, offsetBytes);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync()
    {
        RandomAccess.FlushToDisk(file);
        return ValueTask.CompletedTask;
    }

    public void Dispose() => file.Dispose();
}
