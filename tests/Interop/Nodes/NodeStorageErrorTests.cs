using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Guest;
using OvirtSpm.Interop.Qemu;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A real guest on a volume of a real node, and a write that fails in between: QEMU's blkdebug refuses one.</summary>
public sealed class NodeStorageErrorTests
{
    const uint EndSector = 8192;

    [Fact]
    public async Task A_guest_that_stands_on_an_error_is_told_of_and_continued_once_its_policy_allows_it()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync();
        var node = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([node], TimeSpan.FromSeconds(60));
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        using var folder = new QemuFolder();
        File.WriteAllBytes(folder["boot.img"], BootSectorGuest.BootDisk(0, EndSector));
        var served = BlockDeviceOptions.Parse(active.BlockDevice)["node-name"];
        await using var qemu = await QemuProcess.StartAsync(folder,
        [
            "-S", "-blockdev", active.BlockDevice,
            "-blockdev", $$"""{"driver":"blkdebug","node-name":"refuses","image":"{{served}}","inject-error":[{"event":"none","iotype":"write","errno":5,"once":true}]}""",
            "-blockdev", """{"driver":"qcow2","node-name":"data","file":"refuses"}""",
            .. BootSectorGuest.Arguments(folder["boot.img"], "data", folder["serial"]),
        ]);
        await WatchAsync("leave_paused");
        await qemu.ExecuteAsync("cont");

        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "the node tells that it stands", async () =>
            (await node.Client.GuestsAsync()) is [{ State: "io-error", StorageError: true, ResumeBehavior: "leave_paused", Why: { } why, Disks: [{ State: "failed" }] }]
            && why.Contains("left paused by its policy", StringComparison.Ordinal));
        Assert.Contains((await node.Client.StatusAsync()).Warnings, warning => warning.Contains("guest 'g1' stands on a storage error: device", StringComparison.Ordinal));
        Assert.Contains("left paused by its policy", (await cluster.SpmAsync("guest", "list", "--url", node.Url)).Output, StringComparison.Ordinal);
        var metrics = await node.MetricsAsync();
        Assert.Contains("spm_guests_on_storage_error 1", metrics, StringComparison.Ordinal);
        Assert.Contains("spm_guest_pauses_total{reason=\"storage\"} 1", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("spm_guest_resumes_total{", metrics, StringComparison.Ordinal);

        await WatchAsync("auto_resume");
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(120), "the guest has written all", () => Task.FromResult(Serial().EndsWith('#')));
        Assert.Equal(new string('.', (int)EndSector / BootSectorGuest.SectorsPerWrite) + "#", Serial());
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "the metrics tell that it was continued", async () =>
        {
            metrics = await node.MetricsAsync();
            return metrics.Contains("spm_guests_on_storage_error 0", StringComparison.Ordinal)
                && metrics.Contains("spm_guest_resumes_total{reason=\"storage\"} 1", StringComparison.Ordinal);
        });
        await node.SaysAsync("guest 'g1' stands on a storage error; its resume behavior is leave_paused");
        await node.SaysAsync("guest 'g1' stands on no storage error any more: running");

        async Task WatchAsync(string behavior)
        {
            var watched = await cluster.SpmAsync("guest", "watch", "--url", node.Url, "--qmp", folder["watch.sock"], "--name", "g1", "--resume-behavior", behavior);
            Assert.True(watched.ExitCode == 0, watched.Errors);
        }

        string Serial() => BootSectorGuest.Said(folder["serial"]);
    }
}
