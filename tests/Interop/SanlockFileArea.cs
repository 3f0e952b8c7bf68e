using OvirtSpm.Leases;

namespace OvirtSpm.Interop;

/// <summary>A lease area in a plain file, as sanlock's direct commands use it; deleted with the test.</summary>
internal sealed class SanlockFileArea : ILeaseArea, IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle handle;

    public SanlockFileArea(int sectorSize, long sizeBytes)
    {
        (SectorSize, SizeBytes) = (sectorSize, sizeBytes);
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"spm-leases-{Guid.NewGuid():N}");
        handle = File.OpenHandle(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.WriteThrough);
        RandomAccess.SetLength(handle, sizeBytes);
    }

    public string Path { get; }

    public int SectorSize { get; }

    public long SizeBytes { get; }

    public int Reads { get; set; }

    public int Writes { get; set; }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Reads++;
        Assert.Equal(buffer.Length, RandomAccess.Read(handle, buffer.Span, offsetBytes));
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        Writes++;
        RandomAccess.Write(handle, data.Span, offsetBytes);
        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
        handle.Dispose();
        File.Delete(Path);
    }
}
