using System.Diagnostics;
using System.Runtime.CompilerServices;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Interop.Nbd;

/// <summary>A server in a process of its own, so that it can be killed. It is this program again, told by its environment what to be.</summary>
internal sealed class NbdServerProcess : IDisposable
{
    const string Variable = "SPM_INTEROP_NBD_SERVER";

    readonly string directory = Directory.CreateTempSubdirectory("spm-nbd-").FullName;
    Process? process;

    public NbdServerProcess(int volumeMiB)
    {
        using (var file = File.Create(LunPath))
        {
            file.SetLength((long)volumeMiB << 20);
        }

        Start();
    }

    public string SocketPath => Path.Combine(directory, "v.sock");

    public int Lives { get; private set; }

    string LunPath => Path.Combine(directory, "lun");

    public void Start()
    {
        var program = Environment.ProcessPath!;
        var arguments = Path.GetFileNameWithoutExtension(program) == "dotnet" ? new[] { typeof(NbdServerProcess).Assembly.Location } : [];
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment[Variable] = directory;
        process = Process.Start(start)!;
        Assert.Equal("serving", process.StandardOutput.ReadLine());
        Lives++;
    }

    public void Kill()
    {
        process?.Kill();
        process?.WaitForExit();
        process?.Dispose();
        process = null;
    }

    public void Dispose()
    {
        Kill();
        Directory.Delete(directory, recursive: true);
    }

    [ModuleInitializer]
    internal static void ServeIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } directory)
        {
            Serve(directory);
            Environment.Exit(0);
        }
    }

    static void Serve(string directory)
    {
        using var device = DirectBlockDevice.Open(Path.Combine(directory, "lun"));
        // R7: the killed process may still have a write in the kernel; its lock says when it is over.
        while (!device.TryLockRange(0, 512))
        {
            Thread.Yield();
        }

        using var lane = device.OpenLane("data", threads: 8);
        var export = new VolumeExport(
            new("vol", device.SizeBytes), new([new(lane, 0, device.SizeBytes)], 1, 1), 512,
            new GrowthCallback((_, _) => Task.FromResult(GrowthAnswer.PoolFull)), BootTimeProvider.Instance);
        _ = NbdServer.Start(Path.Combine(directory, "v.sock"), export, new() { Memory = AlignedBufferPool.Shared });
        Console.WriteLine("serving");
        // Ends with the test that started it, however that ends.
        Console.In.ReadToEnd();
    }
}
