using System.Buffers.Binary;
using OvirtSpm.Interop.Qemu;
using OvirtSpm.Monitor.Guests;

namespace OvirtSpm.Interop.Guest;

/// <summary>A real guest on a real QEMU runs out of space, is paused, and goes on: it never learns of it.</summary>
public sealed class GuestPauseTests : IDisposable
{
    private const long MiB = 1 << 20;
    private const uint EndSector = 32 * 1024; // 16 MiB

    private readonly QemuFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// Every extend comes too late on purpose: no threshold helps when the SPM refuses until the guest stands.
    [Fact]
    public async Task A_full_pool_pauses_the_guest_and_space_lets_it_go_on_without_an_error()
    {
        await using var disk = await NewDiskAsync(allocated: 2 * MiB);
        disk.Refusal = "the pool is full";
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 4 * MiB);

        await run.UntilAsync(state => state.Disks is [{ PausedForSpace: true, Detail: "the pool is full" }] && state.RunStatus == "io-error", "paused");
        Assert.Equal("io-error", (await qemu.ExecuteAsync("query-status")).GetProperty("status").GetString());
        Assert.DoesNotContain('!', Serial());
        var written = Serial().Length;
        Assert.InRange(written, 1, 2 * 32);

        disk.Refusal = null;
        await GuestIsDoneAsync(run);
        Assert.True(disk.FailedWrites > 0);
        await VerifyAsync(qemu);
    }

    /// A guest that outruns its extends again and again: as many pauses as it takes, each ended by itself.
    [Fact]
    public async Task A_guest_that_meets_the_end_again_and_again_still_finishes()
    {
        await using var disk = await NewDiskAsync(allocated: 2 * MiB);
        disk.ExtendsTooLate = true;
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 2 * MiB);
        await GuestIsDoneAsync(run);
        Assert.InRange(disk.FailedWrites, 5, 100);
        await VerifyAsync(qemu);
    }

    [Fact]
    public async Task A_guest_whose_extends_come_in_time_never_stands()
    {
        await using var disk = await NewDiskAsync(allocated: 1 * MiB);
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 512 * 1024);
        await GuestIsDoneAsync(run);
        Assert.Equal(0, disk.FailedWrites);
        await VerifyAsync(qemu);
        var latencies = run.LatenciesMilliseconds;
        TestContext.Current.SendDiagnosticMessage($"guest: {latencies.Length} extends, ms: p50 {latencies[latencies.Length / 2]:0.00} max {latencies[^1]:0.00}");
    }

    /// The owner's stop meets a held write; it fails for space while QEMU drains. QEMU then says "paused", and so it stays until
    /// the owner continues. (A stop that comes after the pause for space changes nothing in QEMU: it stays "io-error" and is continued.)
    [Fact]
    public async Task A_guest_stopped_by_its_owner_is_not_continued_when_space_arrives()
    {
        await using var disk = await NewDiskAsync(allocated: 2 * MiB);
        (disk.HoldsWrites, disk.Refusal) = (true, "the pool is full");
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 4 * MiB);
        await disk.FirstHeld.WaitAsync(TimeSpan.FromSeconds(30));
        var stopping = qemu.ExecuteAsync("stop");
        while ((await qemu.Control.Events.ReadAsync()).Name != "STOP")
        {
        }
        disk.HoldsWrites = false;
        await stopping;
        await run.UntilAsync(state => state is { RunStatus: "paused", Disks: [{ PausedForSpace: true }] }, "stopped by its owner and out of space");

        disk.Refusal = null;
        await run.UntilAsync(state => state.Disks is [{ Extends: > 0 }] && state.Detail.Contains("'paused' by somebody else's will"), "left alone");
        Assert.Equal("paused", (await qemu.ExecuteAsync("query-status")).GetProperty("status").GetString());
        await qemu.ExecuteAsync("cont");
        await GuestIsDoneAsync(run);
        await VerifyAsync(qemu);
    }

    [Fact]
    public async Task A_storage_error_pauses_the_guest_and_it_goes_on_when_the_storage_is_back()
    {
        await using var disk = await NewDiskAsync(allocated: 32 * MiB);
        disk.WritesUntilFailure = 100;
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 4 * MiB);
        await FailsAsync(disk, run);
        Assert.Equal("io-error", (await qemu.ExecuteAsync("query-status")).GetProperty("status").GetString());
        await run.UntilAsync(state => state is { StandsOnError: true } && state.Detail.Contains("the disk fails"), "standing, with the reason");

        disk.Fails = false;
        await GuestIsDoneAsync(run);
        await VerifyAsync(qemu);
    }

    [Fact]
    public async Task A_guest_that_is_left_paused_goes_on_when_a_person_continues_it()
    {
        await using var disk = await NewDiskAsync(allocated: 32 * MiB);
        disk.WritesUntilFailure = 100;
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 4 * MiB, new PausePolicy(ResumeBehavior.LeavePaused, TimeSpan.Zero));
        await FailsAsync(disk, run);
        disk.Fails = false;
        // Two looks of the watch since the storage is back.
        run.Watch.LookNow();
        await run.UntilAsync(state => state.Detail.Contains("left paused by its policy"), "left paused");
        run.Watch.LookNow();
        await run.UntilAsync(state => state is { StandsOnError: true, RunStatus: "io-error" }, "still standing");
        Assert.Equal("io-error", (await qemu.ExecuteAsync("query-status")).GetProperty("status").GetString());

        await qemu.ExecuteAsync("cont");
        await GuestIsDoneAsync(run);
        await VerifyAsync(qemu);
    }

    [Fact]
    public async Task A_guest_to_be_killed_is_ended_when_its_storage_stays_away()
    {
        await using var disk = await NewDiskAsync(allocated: 32 * MiB);
        disk.WritesUntilFailure = 100;
        await using var qemu = await StartGuestAsync(disk);
        await using var run = new QemuWatchRun(qemu.WatchTransport, disk, chunkBytes: 4 * MiB, new PausePolicy(ResumeBehavior.Kill, TimeSpan.FromSeconds(3)));
        await FailsAsync(disk, run);
        await run.UntilAsync(state => state.Detail.Contains("killed by its policy"), "killed");
        await qemu.ExitedAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// In the midst of the guest's writes.
    private async Task FailsAsync(QemuNbdDisk disk, QemuWatchRun run)
    {
        await run.UntilAsync(state => state is { StandsOnError: true, RunStatus: "io-error", Disks: [{ Failed: true, PausedForSpace: false }] }, "standing on an error");
        Assert.True(disk.Fails);
        Assert.DoesNotContain('!', Serial());
        Assert.InRange(Serial().Length, 1, (int)EndSector / BootSectorGuest.SectorsPerWrite - 1);
    }

    private async Task<QemuNbdDisk> NewDiskAsync(long allocated)
    {
        QemuTool.Need("qemu-system-x86_64", "qemu-system-x86");
        var image = folder["v.img"];
        await QemuTool.RunAsync(QemuTool.Need("qemu-img", "qemu-utils"), "create", "-q", "-f", "qcow2", image, $"{EndSector * 512L}");
        return new(folder["v.sock"], image, allocated, 32 * MiB);
    }

    private Task<QemuProcess> StartGuestAsync(QemuNbdDisk disk)
    {
        File.WriteAllBytes(folder["boot.img"], BootSectorGuest.BootDisk(0, EndSector));
        return QemuProcess.StartAsync(folder,
        [
            "-blockdev", disk.Blockdev("p"), "-blockdev", """{"driver":"qcow2","node-name":"data","file":"p"}""",
            .. BootSectorGuest.Arguments(folder["boot.img"], "data", folder["serial"]),
        ]);
    }

    private string Serial() => BootSectorGuest.Said(folder["serial"]);

    private async Task GuestIsDoneAsync(QemuWatchRun run)
    {
        using var arrived = new FileSystemWatcher(Path.GetDirectoryName(folder["serial"])!, "serial");
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Check()
        {
            if (Serial().EndsWith('#'))
                done.TrySetResult();
        }
        arrived.Changed += (_, _) => Check();
        arrived.EnableRaisingEvents = true;
        Check();
        try
        {
            await done.Task.WaitAsync(TimeSpan.FromSeconds(120));
        }
        catch (TimeoutException)
        {
            Assert.Fail($"the guest did not finish: {Serial().Length} writes, {run.Watch.State} {string.Join(' ', run.Watch.State.Disks)}");
        }
    }

    /// <summary>The guest saw no error, the image is whole, and every sector holds its number.</summary>
    private async Task VerifyAsync(QemuProcess qemu)
    {
        Assert.Equal(new string('.', (int)EndSector / BootSectorGuest.SectorsPerWrite) + "#", Serial());
        await qemu.ExecuteAsync("stop"); // flushes
        await qemu.DisposeAsync();
        var tool = QemuTool.Need("qemu-img", "qemu-utils");
        await QemuTool.RunAsync(tool, "check", "-q", "-f", "qcow2", folder["v.img"]);
        await QemuTool.RunAsync(tool, "convert", "-f", "qcow2", "-O", "raw", folder["v.img"], folder["v.raw"]);
        var bytes = await File.ReadAllBytesAsync(folder["v.raw"]);
        for (uint sector = 0; sector < EndSector; sector++)
            Assert.Equal(sector, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan((int)sector * BootSectorGuest.SectorBytes)));
    }
}
