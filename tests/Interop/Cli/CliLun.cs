using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace OvirtSpm.Interop.Cli;

/// <summary>A LUN for one test: a sparse file, with a loop device over it where stock tools are to see it. Gone with the test.</summary>
sealed partial class CliLun : IDisposable
{
    public const long Gib = 1L << 30, Mib = 1L << 20;
    const int Block = 4096, SeekData = 3, SeekHole = 4;
    readonly LvmTool? loop;

    CliLun(string image, LvmTool? loop) => (Image, this.loop) = (image, loop);

    /// <summary>The file.</summary>
    public string Image { get; }

    /// <summary>What the program is given.</summary>
    public string Path => loop?.Device ?? Image;

    /// <summary>Stock lvm2, seeing this LUN and nothing else.</summary>
    public LvmTool Lvm => loop ?? throw new InvalidOperationException("this LUN is a bare file");

    public static CliLun Of(long bytes)
    {
        var image = NewImage();
        using var file = File.Create(image);
        file.SetLength(bytes);
        return new CliLun(image, null);
    }

    /// <summary>Skips the test where there are no loop devices or no lvm2.</summary>
    public static CliLun LoopOf(long bytes, int sectorSize = 512)
    {
        SkipWithoutLoop();
        using var bare = Of(bytes);
        return bare.WithLoop(sectorSize);
    }

    /// <summary>A domain of its own, on a bare file. T = 1 and W = 0 make what waits for the dead wait seconds.</summary>
    public static async Task<CliLun> WithDomainAsync(long bytes = 12 * Gib, params string[] more)
    {
        var lun = Of(bytes);
        await lun.CreateDomainAsync(more);
        return lun;
    }

    public static void SkipWithoutLoop() => Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");

    public async Task CreateDomainAsync(params string[] more) =>
        (await CliSpm.RunAsync(["domain", "create", "--lun", Path, "--io-timeout", "1", "--watchdog-timeout", "0", .. more])).Succeeded();

    /// <summary>Another LUN with the same bytes, holes staying holes.</summary>
    public CliLun Copy(bool withLoop = false, int sectorSize = 512)
    {
        var copy = NewImage();
        using (var cp = Process.Start("cp", ["--sparse=always", Image, copy]))
        {
            cp.WaitForExit();
            Assert.Equal(0, cp.ExitCode);
        }
        return withLoop ? new CliLun(copy, null).WithLoop(sectorSize) : new CliLun(copy, null);
    }

    public byte[] Read(long offsetBytes, int count)
    {
        using var file = File.OpenHandle(Image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[count];
        Assert.Equal(count, RandomAccess.Read(file, bytes, offsetBytes));
        return bytes;
    }

    public void Write(long offsetBytes, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenHandle(Image, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.Write(file, bytes, offsetBytes);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>A checksum of everything that is not a hole: equal when no byte changed.</summary>
    public string Fingerprint() => Fingerprint(0, long.MaxValue);

    /// <summary>The same of a part.</summary>
    public string Fingerprint(long fromBytes, long toBytes)
    {
        using var file = File.OpenHandle(Image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Mib];
        var descriptor = (int)file.DangerousGetHandle();
        toBytes = Math.Min(toBytes, RandomAccess.GetLength(file));
        for (var at = Seek(descriptor, fromBytes, SeekData); at >= 0 && at < toBytes; at = Seek(descriptor, at, SeekData))
        {
            var end = Math.Min(Seek(descriptor, at, SeekHole), toBytes);
            for (at = at / Block * Block; at < end;)
            {
                var count = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)), at);
                for (var block = 0; block < count; block += Block)
                {
                    // Block by block, whatever the extents are; zeros and holes read the same, so neither counts.
                    var bytes = buffer.AsSpan(block, Math.Min(Block, count - block));
                    if (bytes.IndexOfAnyExcept((byte)0) >= 0)
                    {
                        sum.AppendData(BitConverter.GetBytes(at + block));
                        sum.AppendData(bytes);
                    }
                }
                at += count;
            }
        }
        return Convert.ToHexString(sum.GetHashAndReset());
    }

    public void Dispose()
    {
        loop?.Dispose();
        File.Delete(Image);
    }

    CliLun WithLoop(int sectorSize)
    {
        // Its own name, so that the one who disposes the bare file does not take the loop device's bytes away.
        var image = NewImage();
        File.Move(Image, image);
        return new CliLun(image, LvmTool.Attach(image, sectorSize));
    }

    static string NewImage() => System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"spm-cli-{Guid.NewGuid():n}.img");

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(int descriptor, long offset, int whence);
}
