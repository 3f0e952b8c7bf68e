using System.Diagnostics;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Simulation.Choices;
using OvirtSpm.Simulation.Pool;

namespace OvirtSpm.Simulation.Fidelity;

/// <summary>One LUN of 8 MiB, opened by two hosts: in the simulation, as a file, or as a loop device.</summary>
internal static class FidelityWorld
{
    public const long SizeBytes = 8 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>Runs to the end in the world's own time, or really.</summary>
    public static async Task RunAsync(FidelityKind kind, Func<ILun, ILun, Task> body)
    {
        var sectorSize = $"{kind}".EndsWith("4096", StringComparison.Ordinal) ? 4096 : 512;
        if (kind is FidelityKind.Simulated512 or FidelityKind.Simulated4096)
        {
            Simulate(sectorSize, body);
            return;
        }

        var folder = Directory.CreateTempSubdirectory("spm-fidelity-");
        try
        {
            var path = Path.Combine(folder.FullName, "lun");
            await using (var file = File.Create(path))
            {
                file.SetLength(SizeBytes);
            }

            if (kind is FidelityKind.File512 or FidelityKind.File4096)
            {
                await BothAsync(path, sectorSize, body);
                return;
            }

            Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control"), "losetup: loop devices need root; they are the real block devices here");
            var device = await LosetupAsync("--show", "--find", "--sector-size", $"{sectorSize}", path);
            try
            {
                await BothAsync(device, sectorSize, body);
            }
            finally
            {
                await LosetupAsync("--detach", device);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task BothAsync(string path, int sectorSize, Func<ILun, ILun, Task> body)
    {
        using ILun first = Lun.Open(path, sectorSize: sectorSize), second = Lun.Open(path, sectorSize: sectorSize);
        await body(first, second).WaitAsync(Limit);
    }

    private static void Simulate(int sectorSize, Func<ILun, ILun, Task> body)
    {
        var choice = new SeededChoice(7);
        var scheduler = new SimScheduler(choice);
        var disk = new SimDisk(sectorSize, new SparseBytes(SizeBytes), scheduler, choice);
        var process = new SimProcess(scheduler);
        var first = new SimLun(new SimPath(1, disk, scheduler, choice), process);
        var second = new SimLun(new SimPath(2, disk, scheduler, choice), new SimProcess(scheduler));
        Task? done = null;
        process.Deliver(() => done = body(first, second));
        scheduler.Run(Limit, () => done!.IsCompleted);
        Assert.True(done!.IsCompleted, "an I/O was never answered");
        done.GetAwaiter().GetResult();
    }

    private static async Task<string> LosetupAsync(params string[] arguments)
    {
        using var losetup = Process.Start(new ProcessStartInfo("losetup", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await losetup.StandardOutput.ReadToEndAsync();
        var errors = await losetup.StandardError.ReadToEndAsync();
        await losetup.WaitForExitAsync();
        Assert.SkipUnless(losetup.ExitCode == 0, $"losetup: this machine gives no loop device: {errors.Trim()}");
        return output.Trim();
    }
}
