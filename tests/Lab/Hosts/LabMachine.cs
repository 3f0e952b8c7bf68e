using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OvirtSpm.Lab.Boot;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A guest with a kernel of its own: QEMU in a virtual host, on the virtualization that the emulated processor offers. It writes to
/// its disk, 1 MiB after the other, and reads all of it again.</summary>
internal sealed class LabMachine
{
    /// <summary>What it writes is a multiple of this many MiB.</summary>
    public const int Round = 31;

    /// <summary>QEMU serves one client on each: the node, and us.</summary>
    private const string Qmp = "/run/machine.qmp", Ours = "/run/machine";

    private readonly LabNode _node;
    private int _asked;

    private LabMachine(LabNode node, string volume) => (_node, Volume) = (node, volume);

    public string Volume { get; }

    /// <summary>What it printed: a line for each write.</summary>
    private string Said => Read("machine.said");

    /// <summary>Answers and events, as QEMU gave them.</summary>
    public string Heard => Read("machine.heard");

    /// <summary>Milliseconds that each write took, a process and all, as the guest's own clock has it.</summary>
    public IReadOnlyList<int> Writes => [.. Lines("wrote").Select(words => int.Parse(words[3], CultureInfo.InvariantCulture))];

    /// <summary>Its disk is a qcow2 on a volume that is made, activated and, if so said, watched for it. It runs when it is told to.</summary>
    /// <param name="mebibytes">What it writes.</param>
    public static async Task<LabMachine> CreateAsync(LabPool pool, LabNode node, int mebibytes, bool watched = true)
    {
        Assert.Equal(0, mebibytes % Round);
        var (host, machine) = (node.Host, new LabMachine(node, await pool.CreateVolumeAsync(node, gibibytes: 5)));
        var device = await node.ActivateAsync(machine.Volume);
        LabKernel.WriteGuest(Path.Combine(host.Share, "machine.initramfs"));
        await host.DoAsync($"""
            cd {host.Share}
            {LabKernel.Load(LabKernel.Virtualization)}
            test -e /dev/kvm || exit
            mkfifo {Ours}.in {Ours}.out
            (exec cat {Ours}.out >machine.heard) </dev/null >/dev/null 2>&1 &
            (exec qemu-system-x86_64 -S -machine q35,accel=kvm -cpu host -m 192 -nodefaults -no-user-config -display none -serial file:machine.said \
                -qmp unix:{Qmp},server=on,wait=off -qmp pipe:{Ours} \
                -kernel {LabKernel.Image} -initrd machine.initramfs -append 'console=ttyS0 quiet panic=-1 lab.writes={mebibytes}' \
                -blockdev {device} -blockdev driver=qcow2,node-name=disk,file={device["node-name"]} \
                -device virtio-scsi-pci -device scsi-hd,drive=disk,id=disk0,werror=stop,rerror=stop) </dev/null >machine.log 2>&1 &
            echo $! >/run/machine.pid
            """);
        await machine.AskAsync("qmp_capabilities");
        await machine.HeardAsync("\"return\"");
        if (watched)
        {
            await machine.WatchAsync();
        }
        return machine;
    }

    public Task WatchAsync() => _node.DoAsync("POST", "/v1/guests", JsonSerializer.Serialize(new WatchGuestRequest(Qmp, null), JsonSerializerOptions.Web));

    /// <summary>What its node says of its disk.</summary>
    public async Task<GuestDiskReply> DiskAsync() =>
        Assert.Single(Assert.Single(JsonSerializer.Deserialize<IReadOnlyList<GuestReply>>(await _node.DoAsync("GET", "/v1/guests"), JsonSerializerOptions.Web)!).Disks);

    public Task ContinueAsync() => AskAsync("cont");

    /// <returns>The number of the question; the answer carries it.</returns>
    public async Task<string> AskAsync(string command, string arguments = "{}")
    {
        var id = $"{command}-{++_asked}";
        await _node.Host.DoAsync($$"""printf '%s\n' '{"execute":"{{command}}","arguments":{{arguments}},"id":"{{id}}"}' >{{Ours}}.in""");
        return id;
    }

    /// <summary>Waits until it said this.</summary>
    public Task SaidAsync(string what) => LabWait.UntilAsync(LabWait.Patience * 2, () => $"the guest says '{what}': {End(Said)} {Heard} {Read("machine.log")}", () =>
    {
        Assert.DoesNotContain("failed", Said);
        return Task.FromResult(Said.Contains(what));
    });

    /// <summary>Waits until QEMU said this.</summary>
    public Task<TimeSpan> HeardAsync(string what) => LabWait.UntilAsync(LabWait.Patience, () => $"QEMU says '{what}': {End(Said)} {Heard} {Read("machine.log")}", () => Task.FromResult(Heard.Contains(what)));

    /// <summary>Waits until QEMU has stopped it for want of space, or because its storage failed.</summary>
    public async Task PausedAsync(bool forSpace = true)
    {
        await LabWait.UntilAsync(LabWait.Patience, () => $"the guest is paused: {End(Said)} {Heard}", () => Task.FromResult(IsPaused));
        Assert.Contains($"\"nospace\": {(forSpace ? "true" : "false")}", Heard);
    }

    public bool IsPaused => LastOf("STOP") > LastOf("RESUME");

    public Task<TimeSpan> RunsAsync() => LabWait.UntilAsync(LabWait.Patience, () => $"the guest runs: {End(Said)} {Heard} {_node.Log}", () => Task.FromResult(LastOf("RESUME") > LastOf("STOP")));

    /// <summary>Waits until it has written so much.</summary>
    public Task WroteAsync(int mebibytes) => SaidAsync($"guest: wrote {mebibytes - 1} ");

    /// <summary>It has written all, and found all of it again; it is gone, and its volume not active any more.</summary>
    public async Task EndAsync(LabPool pool, int mebibytes)
    {
        await SaidAsync("guest: read all but 0");
        Assert.Empty(Lines("differs"));
        Assert.Equal(mebibytes, Writes.Count);
        await AskAsync("quit");
        await GoneAsync();
        await _node.DoAsync("POST", $"/v1/volumes/{Volume}/deactivate");
        // What it has by now: asking for less changes nothing.
        await pool.ExtendAsync(_node, Volume, mebibytes);
        await pool.VerifyAsync(_node);
    }

    /// <summary>Every thread of it: the last ones have requests in the kernel. A process that has ended keeps its number, for nobody waits for it here.</summary>
    public Task GoneAsync() => _node.Host.DoAsync(
        "pid=$(cat /run/machine.pid); until [ ! -e /proc/$pid ] || { [ \"$(ls /proc/$pid/task)\" = $pid ] && grep -q '^State:.Z' /proc/$pid/status; }; do sleep 0.2; done");

    public Task KillAsync() => _node.Host.DoAsync("kill -9 $(cat /run/machine.pid)");

    /// <summary>A checksum of the first bytes of its volume.</summary>
    public async Task<string> ContentAsync(long bytes) => await _node.Host.DoAsync($"dd if={await LabPool.DeviceAsync(_node, Volume)} bs=1M count={bytes >> 20} iflag=direct 2>/dev/null | md5sum");

    public string Figure => Writes.Order().ToList() is var writes && writes.Count > 0
        ? $"a guest with a kernel of its own wrote {writes.Count} MiB, 1 MiB at a time: half of the writes below {writes[writes.Count / 2]} ms, of a hundred one above {writes[writes.Count * 99 / 100]} ms, slowest {writes[^1]} ms"
        : "nothing written";

    /// <summary>What -blockdev takes, as QMP takes it.</summary>
    public static string Json(BlockDeviceOptions device)
    {
        var root = new JsonObject();
        foreach (var (key, value) in device.Pairs)
        {
            var at = root;
            var path = key.Split('.');
            foreach (var step in path[..^1])
            {
                at = (JsonObject)(at[step] ??= new JsonObject());
            }
            at[path[^1]] = value switch { "on" => true, "off" => false, _ => value };
        }
        return root.ToJsonString();
    }

    private int LastOf(string happened) => Heard.LastIndexOf($"\"{happened}\"", StringComparison.Ordinal);

    private static string End(string text) => text[Math.Max(0, text.Length - 1000)..];

    private IEnumerable<string[]> Lines(string what) => Said.Split('\n').Select(line => line.Trim().Split(' ')).Where(words => words is ["guest:", _, _, _] && words[1] == what);

    private string Read(string name)
    {
        var path = Path.Combine(_node.Host.Share, name);
        return File.Exists(path) ? File.ReadAllText(path) : "";
    }
}
