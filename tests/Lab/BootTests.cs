using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

public class BootTests
{
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task Two_hosts_see_one_LUN_and_each_other(int sectorSize)
    {
        await using var run = LabRun.Create();
        var lun = run.CreateLun("lun", 64 << 20, sectorSize);
        var hosts = await Task.WhenAll(run.BootAsync(1, lun), run.BootAsync(2, lun));

        Assert.Equal($"{sectorSize}\n", await hosts[0].DoAsync("cat /sys/block/sda/queue/logical_block_size"));
        await hosts[0].DoAsync("printf 'written by one' | dd of=/dev/sda bs=4096 conv=sync oflag=direct 2>/dev/null");
        Assert.StartsWith("written by one", await hosts[1].DoAsync("dd if=/dev/sda bs=4096 count=1 iflag=direct 2>/dev/null | head -c 14"));
        // No more than the sectors themselves goes out: LabRun.CreateLun.
        var before = hosts[0].WrittenBytes;
        await hosts[0].DoAsync($"dd if=/dev/zero of=/dev/sda bs={sectorSize} seek=80 count=64 oflag=direct 2>/dev/null");
        Assert.InRange(hosts[0].WrittenBytes - before, 64 * sectorSize, 3 * 64 * sectorSize);
        Assert.Equal(3, (await hosts[1].RunAsync("exit 3")).ExitCode);
        Assert.Equal("hpet\n", await hosts[0].DoAsync("cat /sys/devices/system/clocksource/clocksource0/current_clocksource"));
        var device = await hosts[0].DoAsync("ls /dev/mapper/control /dev/watchdog");
        Assert.Equal("/dev/mapper/control\n/dev/watchdog\n", device);
    }
}
