using System.Globalization;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Writes behind the end of a mapped volume, in a real kernel.</summary>
public class TailTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    /// The SPM is this node itself.
    [Fact(Explicit = true)]
    public async Task What_is_written_behind_the_end_waits_goes_on_and_ends_in_time()
    {
        await using var pool = await LabPool.CreateAsync(1, options: "--tail");
        var node = await pool.LeaderAsync();
        var host = node.Host;
        var volume = await pool.CreateVolumeAsync(node, gibibytes: 4);
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        var lv = (await LabPool.DeviceAsync(node, volume))["/dev/".Length..];
        var guest = Guest(lv);
        // The first one of all compiles what an extend needs, which takes seconds under emulation.
        await pool.ExtendAsync(node, volume, (int)(await WritableAsync(node) / MiB) + 16);
        var start = await WritableAsync(node);

        // A writer that runs through twenty ends, and one that has everything flushed at once beside it.
        await host.DoAsync("head -c 4194304 /dev/urandom > /tmp/data");
        await host.DoAsync($"(while [ ! -e /tmp/stop ]; do s=$(date +%s%3N); dd if=/tmp/data of={guest} bs=4k count=1 oflag=direct conv=notrunc,fdatasync 2>/tmp/flush.err || touch /tmp/failed; echo $(( $(date +%s%3N) - s )) >> /tmp/flush; done) </dev/null >/dev/null 2>&1 & echo started");
        await host.DoAsync(
            $"rm -f /tmp/write; end=$(({(start / MiB) + 400})); at={(start / MiB) - 8}; while [ $at -lt $end ]; do s=$(date +%s%3N); "
            + $"dd if=/tmp/data of={guest} bs=4M count=1 seek=$((at * 1048576)) oflag=direct,seek_bytes conv=notrunc 2>/tmp/write.err || exit 1; echo $(( $(date +%s%3N) - s )) >> /tmp/write; at=$((at + 4)); done");
        var grown = await WritableAsync(node);
        await host.DoAsync("touch /tmp/stop; test ! -e /tmp/failed");
        output.WriteLine($"figure: written {start / MiB}..{(start / MiB) + 400} MiB through ends, volume now {grown / MiB} MiB; milliseconds a write took, process and all: {await SlowestAsync(host, "/tmp/write")}, a flush beside it: {await SlowestAsync(host, "/tmp/flush")}");
        output.WriteLine($"figure: {await HoldsAsync(node)}");
        // R31: none of them ended because of the limit.
        Assert.Equal(0, await CountAsync(node, "limit"));
        await host.DoAsync($"at={(start / MiB) - 8}; while [ $at -lt {(start / MiB) + 396} ]; do dd if={guest} bs=4M count=1 skip=$((at * 1048576)) iflag=direct,skip_bytes 2>/dev/null | cmp - /tmp/data || exit 1; at=$((at + 4)); done");
        await LabWait.UntilAsync(LabWait.Patience, () => "four maps", async () => await MapsAsync(host) == 4);

        // LVM's own tools see its volume, in use, and nothing else.
        Assert.Equal("active|open", await host.DoAsync($"printf %s $(lvs --noheadings --separator '|' -o lv_active,lv_device_open {lv})"));
        Assert.NotEqual(0, (await host.RunAsync($"lvchange -an {lv}")).ExitCode);
        Assert.Equal("", await host.DoAsync($"pvs 2>&1 | grep -i spm || true"));

        // Killed with a write waiting: the next life lets it go on.
        await node.SignalAsync("KILL");
        var end = grown / MiB;
        await WriteBesideAsync(host, guest, end + 1, "held");
        await LabTail.WaitingAsync(host);
        output.WriteLine($"figure: with no node: {await FlushAsync(host, guest)} ms for a write and a flush on the allocated part");
        node = await pool.RestartAsync(node);
        await EndedAsync(host, "held", "0");
        await pool.LeaderAsync();
        grown = await WritableAsync(node);

        // R31: nobody would end what waits while no node runs.
        await node.SignalAsync("TERM");
        await LabWait.UntilAsync(LabWait.Patience, () => "the node has ended", () => Task.FromResult(node.HasEnded));
        await WriteBesideAsync(host, guest, await host.SizeAsync(guest) / MiB, "full");
        await EndedAsync(host, "full", "1");
        Assert.Contains("No space left", await host.DoAsync("cat /tmp/full.err"));
        output.WriteLine("figure: a node that ended in order holds nothing");

        // Nothing is left.
        node = await pool.RestartAsync(node);
        await pool.LeaderAsync();
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        Assert.Equal(0, await MapsAsync(host));
    }

    /// Nobody but the next SPM can give it space.
    [Fact(Explicit = true)]
    public async Task What_is_written_behind_the_end_waits_for_the_next_SPM()
    {
        // About the longest that a node takes: an emulated host needs more than the bound for a failover.
        await using var pool = await LabPool.CreateAsync(2, options: "--tail --hold-limit 110");
        var (former, node, bound) = await pool.PartsAsync();
        var host = node.Host;
        var volume = await pool.CreateVolumeAsync(node);
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        var guest = Guest((await LabPool.DeviceAsync(node, volume))["/dev/".Length..]);
        var end = await WritableAsync(node) / MiB;
        await host.DoAsync("head -c 1048576 /dev/urandom > /tmp/data");
        await former.Host.PowerOffAsync();
        var off = System.Diagnostics.Stopwatch.StartNew();
        await WriteBesideAsync(host, guest, end, "held");
        await LabTail.WaitingAsync(host);
        await EndedAsync(host, "held", "0");
        output.WriteLine($"figure: written behind the end after the SPM's host was powered off: done {off.Elapsed.TotalSeconds:0.0} s after that, the bound is {bound:0.0} s on a machine that keeps up; {await HoldsAsync(node)}");
        await pool.LeaderAsync(node);
        Assert.Equal(0, await CountAsync(node, "limit"));
        await host.DoAsync($"dd if={guest} bs=1M count=1 skip={end} iflag=direct 2>/dev/null | cmp - /tmp/data");
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        // What it has by now: asking for less changes nothing.
        await pool.ExtendAsync(node, volume, (int)end);
        await pool.VerifyAsync(node);
    }

    /// <summary>What its guest opens.</summary>
    private static string Guest(string lv) => $"/dev/mapper/{lv.Replace("-", "--").Replace('/', '-')}-spm";

    /// <summary>1 MiB at a place, in one request, by a process of its own; its exit code comes into a file.</summary>
    private static Task WriteBesideAsync(LabHost host, string device, long mib, string name) => host.DoAsync(
        $"(dd if=/tmp/data of={device} bs=1M count=1 seek={mib * MiB} oflag=direct,seek_bytes conv=notrunc 2>/tmp/{name}.err; echo $? > /tmp/{name}.new; mv /tmp/{name}.new /tmp/{name}) </dev/null >/dev/null 2>&1 & echo started");

    private static async Task EndedAsync(LabHost host, string name, string code)
    {
        var ended = "";
        await LabWait.UntilAsync(LabWait.Patience, () => $"'{name}' has ended", async () => (ended = (await host.DoAsync($"cat /tmp/{name} 2>/dev/null || true")).Trim()).Length > 0);
        Assert.True(ended == code, $"'{name}' ended with {ended}: {await host.DoAsync($"cat /tmp/{name}.err")}");
    }

    /// <summary>Waits behind an end that ended so, by the node's own count.</summary>
    private static async Task<int> CountAsync(LabNode node, string how) =>
        (await node.DoAsync("GET", "/metrics")).Split('\n').Count(line => line.StartsWith("spm_nbd_held_writes_total", StringComparison.Ordinal) && line.Contains($"\"{how}\""));

    /// <summary>How long something waited behind the end, by the node's own measure.</summary>
    private static async Task<string> HoldsAsync(LabNode node) => string.Join(", ", (await node.DoAsync("GET", "/metrics")).Split('\n')
        .Where(line => line.StartsWith("spm_nbd_hold_seconds_", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal) || line.StartsWith("spm_nbd_longest", StringComparison.Ordinal))
        .Select(line => line.Trim().Replace("spm_nbd_hold_seconds", "waits")));

    private static async Task<string> FlushAsync(LabHost host, string device) =>
        (await host.DoAsync($"s=$(date +%s%3N); dd if=/tmp/data of={device} bs=4k count=1 oflag=direct conv=notrunc,fdatasync 2>/tmp/f.err || exit 1; echo $(( $(date +%s%3N) - s ))")).Trim();

    private static async Task<string> SlowestAsync(LabHost host, string file)
    {
        var times = (await host.DoAsync($"cat {file}")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).Order().ToList();
        return $"{times.Count} of them, half below {times[times.Count / 2]}, slowest {times[^1]}";
    }

    private static async Task<long> WritableAsync(LabNode node) => Assert.Single((await node.StatusAsync())!.Active).AllocatedBytes;

    private static async Task<int> MapsAsync(LabHost host) => int.Parse(await host.DoAsync("dmsetup info -c --noheadings -o uuid | grep -c LVM || true"), CultureInfo.InvariantCulture);
}
