using System.Diagnostics;

namespace OvirtSpm.SanlockInterop;

/// <summary>A lockspace, two resources and a witness on a file or on a loop device, made by sanlock itself; gone with the test.</summary>
/// <remarks><code>0 lockspace   1 MiB resource SDM   2 MiB resource SHR   3 MiB witness</code></remarks>
internal sealed class LeaseStorage : IDisposable
{
    public const int MiB = 1 << 20;
    public const int Sdm = MiB;
    public const int Shr = 2 * MiB;
    public const int WitnessAt = 3 * MiB;
    private static int made;
    private readonly string folder = Directory.CreateTempSubdirectory("spm-sanlock-").FullName;
    private readonly bool isLoop;
    private readonly FileStream? attached;

    private LeaseStorage(bool isLoop, int sectorSize)
    {
        (this.isLoop, SectorSize, Path) = (isLoop, sectorSize, System.IO.Path.Combine(folder, "leases"));
        using (var file = File.Create(Path))
        {
            file.SetLength(4 * MiB);
        }

        if (isLoop)
        {
            Path = Run("losetup", "--show", "--find", "--direct-io=on", "--sector-size", $"{sectorSize}", Path).Trim();
            attached = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);

            // Detached by the kernel when its last user is gone: a killed test leaves no device behind.
            Run("losetup", "--detach", Path);
        }
    }

    public string Path { get; }

    public int SectorSize { get; }

    /// <summary>Of its own: one daemon joins no two lockspaces of one name.</summary>
    public string LockspaceName { get; } = $"LS{Interlocked.Increment(ref made)}";

    public string Kind => $"{(isLoop ? "loop" : "file")}, {SectorSize}-byte sectors";

    /// <summary>Files and, where this machine allows them, loop devices, with sectors of both sizes.</summary>
    public static async Task<LeaseStorage[]> AllAsync(int ioTimeoutSeconds)
    {
        List<LeaseStorage> all = [await FileAsync(512, ioTimeoutSeconds), await FileAsync(4096, ioTimeoutSeconds)];
        if (Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control"))
        {
            all.AddRange(await LoopAsync(512, ioTimeoutSeconds), await LoopAsync(4096, ioTimeoutSeconds));
        }
        else
        {
            TestContext.Current.AddWarning("loop devices need root: only files were tried");
        }

        return [.. all];
    }

    public static Task<LeaseStorage> FileAsync(int sectorSize, int ioTimeoutSeconds) => FormatAsync(new LeaseStorage(false, sectorSize), ioTimeoutSeconds);

    private static Task<LeaseStorage> LoopAsync(int sectorSize, int ioTimeoutSeconds) => FormatAsync(new LeaseStorage(true, sectorSize), ioTimeoutSeconds);

    private static async Task<LeaseStorage> FormatAsync(LeaseStorage storage, int ioTimeoutSeconds)
    {
        string[] geometry = ["-Z", $"{storage.SectorSize}", "-A", "1M", "-o", $"{ioTimeoutSeconds}"];
        foreach (var area in new[] { ("-s", storage.Lockspace(0)), ("-r", storage.SdmResource), ("-r", storage.ShrResource) })
        {
            Assert.Contains("init done 0", (await Interop.SanlockTool.DirectAsync(["init", area.Item1, area.Item2, .. geometry])).Text);
        }

        return storage;
    }

    /// <summary>As sanlock's command line names it.</summary>
    public string Lockspace(int hostId) => $"{LockspaceName}:{hostId}:{Path}:0";

    public string SdmResource => Resource("SDM", Sdm);

    public string ShrResource => Resource("SHR", Shr);

    private string Resource(string name, int offset) => $"{LockspaceName}:{name}:{Path}:{offset}";

    public void Dispose()
    {
        attached?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
