using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Activation by device-mapper in a real kernel, beside stock lvm2 and dmsetup.</summary>
[Collection(nameof(SharedPool))]
public class MappedVolumeTests(SharedPool shared, ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Fact]
    public Task What_we_map_is_LVMs_own_in_a_kernel_with_sectors_of_512_bytes() => shared.UseAsync(pool => WalkAsync(pool));

    [Fact(Explicit = true)]
    public async Task What_we_map_is_LVMs_own_in_a_kernel_with_sectors_of_4096_bytes()
    {
        await using var pool = await LabPool.CreateAsync(1, sectorSize: 4096);
        await WalkAsync(pool, "--notable", "--notable -wait", "-stale");
    }

    /// <param name="crashes">How the map is left when the node is killed; empty: it is not killed, since each start of a node takes half an emulated minute.</param>
    private async Task WalkAsync(LabPool pool, params string[] crashes)
    {
        var node = await pool.LeaderAsync();
        var host = node.Host;
        var volume = await pool.CreateVolumeAsync(node);
        var device = await LabPool.DeviceAsync(node, volume);
        var lv = device["/dev/".Length..];

        // Made by us, taken away and made again by LVM: nothing differs.
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        var ours = await MapAsync(host);
        Assert.Equal("active|", await LvsAsync(host, lv));
        await host.DoAsync($"lvchange -an {lv}");
        Assert.Equal("", await MapAsync(host));
        await host.DoAsync($"lvchange -ay {lv}");
        Assert.Equal(ours, await MapAsync(host));
        output.WriteLine($"figure: the map, ours and LVM's: {ours.Trim()}");

        // Taken away by LVM, or made by it: both are understood.
        await host.DoAsync($"lvchange -an {lv}");
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        Assert.Empty((await node.StatusAsync())!.Active);
        await host.DoAsync($"lvchange -ay {lv}");
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        Assert.Equal(ours, await MapAsync(host));

        // Open, with a writer: grows at once, is not deactivated, and no byte is lost.
        await host.DoAsync($"head -c 4194304 /dev/urandom > /tmp/data; dd if=/tmp/data of={device} bs=1M oflag=direct conv=notrunc 2>/dev/null");
        await host.DoAsync($"(exec 9<>{device}; while [ ! -e /tmp/stop ]; do dd if=/tmp/data of={device} bs=1M seek=8 oflag=direct conv=notrunc 2>>/tmp/writer || touch /tmp/failed; done) </dev/null >/dev/null 2>&1 & echo started");
        var before = await host.SizeAsync(device);
        await pool.ExtendAsync(node, volume, (int)(before / MiB) + 64);
        Assert.Equal(before + (64 * MiB), await host.SizeAsync(device));
        await host.DoAsync($"dd if=/tmp/data of={device} bs=1M seek={(before / MiB) + 60} oflag=direct conv=notrunc 2>/dev/null");
        Assert.Equal("active|open", await LvsAsync(host, lv));
        var (code, refusal) = await node.AskAsync("POST", $"/v1/volumes/{volume}/deactivate");
        Assert.True(code == 409 && refusal.Contains("is open on this host"), $"{code} {refusal}");

        if (crashes.Length > 0)
        {
            node = await KillAsync(pool, node, device, before + (64 * MiB));
        }
        await host.DoAsync("touch /tmp/stop; test ! -e /tmp/failed");
        await LabWait.UntilAsync(LabWait.Patience, () => "nobody has it open", async () => await LvsAsync(host, lv) == "active|");
        await host.DoAsync(string.Join("; ", new[] { 0, 8, (before / MiB) + 60 }.Select(
            at => $"dd if={device} bs=1M skip={at} count=4 iflag=direct 2>/dev/null | cmp - /tmp/data || exit 1")));

        // Killed between two steps, as the kernel looks then: no table, a table that waits, a table of something else.
        var whole = await MapAsync(host);
        foreach (var crash in crashes)
        {
            await node.SignalAsync("KILL");
            await LeaveAsync(host, whole, crash);
            node = await pool.RestartAsync(node);
            Assert.Equal(whole, await MapAsync(host));
            output.WriteLine($"figure: left as after '{crash}': mended at the next start");
        }

        // Read-only, and nothing is left of it.
        await pool.LeaderAsync();
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        Assert.Equal("", await MapAsync(host));
        Assert.Equal("no", await host.DoAsync($"[ -e {Path.GetDirectoryName(device)} ] && printf yes || printf no"));
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate?readOnly=true");
        Assert.Equal("1\n", await host.DoAsync($"blockdev --getro {device}"));
        Assert.NotEqual(0, (await host.RunAsync($"dd if=/tmp/data of={device} bs=1M count=1 oflag=direct conv=notrunc")).ExitCode);
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        await pool.VerifyAsync(node);
    }

    /// <summary>Whoever writes notices nothing, and the next node finds the map.</summary>
    private static async Task<LabNode> KillAsync(LabPool pool, LabNode node, string device, long bytes)
    {
        await node.SignalAsync("KILL");
        await node.Host.DoAsync($"dd if=/tmp/data of={device} bs=1M seek=16 oflag=direct conv=notrunc 2>/dev/null");
        var next = await pool.RestartAsync(node);
        Assert.Equal(bytes, Assert.Single((await next.StatusAsync())!.Active).AllocatedBytes);
        await node.Host.DoAsync($"dd if={device} bs=1M skip=16 count=4 iflag=direct 2>/dev/null | cmp - /tmp/data");
        return next;
    }

    /// <summary>As a node leaves it that is killed in the middle.</summary>
    private static Task<string> LeaveAsync(LabHost host, string whole, string crash)
    {
        var words = whole.Split(['\n', '|'], StringSplitOptions.RemoveEmptyEntries);
        var (name, uuid, stale) = (words[0], words[1], "0 2048 linear 8:0 0");
        return host.DoAsync($"dmsetup --noudevsync remove {name}; " + (crash == "-stale"
            ? $"dmsetup --noudevsync create {name} -u {uuid} --table '{stale}'"
            : $"dmsetup --noudevsync create {name} -u {uuid} --notable{(crash.EndsWith("wait") ? $"; dmsetup load {name} --table '{stale}'" : "")}"));
    }

    /// <summary>All of it: name, uuid, table; empty without a map.</summary>
    private static async Task<string> MapAsync(LabHost host) =>
        (await host.DoAsync("dmsetup info -c --noheadings --separator '|' -o name,uuid,attr; dmsetup table")).Replace("No devices found\n", "");

    private static async Task<string> LvsAsync(LabHost host, string lv) =>
        (await host.DoAsync($"lvs --noheadings --separator '|' -o lv_active,lv_device_open {lv}")).Trim();
}
