using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>The network between the hosts of a test, which nothing else can reach.</summary>
/// <remarks>For root it is a bridge in a network namespace that lives as long as the process that holds it. Others may not make one: for them
/// every message is a datagram to a multicast group on loopback, at a port of its own.</remarks>
internal sealed class LabNetwork
{
    private const string Bridge = "lab";

    private readonly int _port = Random.Shared.Next(20000, 60000);
    private readonly ChildProcess? _holder;

    private LabNetwork(ChildProcess? holder) => _holder = holder;

    public static async Task<LabNetwork> CreateAsync(LabRun run)
    {
        if (!Environment.IsPrivilegedProcess || !File.Exists("/dev/net/tun"))
        {
            return new LabNetwork(holder: null);
        }
        var made = run.At("network");
        var holder = await run.Children.StartAsync(
            "network", "unshare", "--net", "sh", "-c", $"ip link set lo up && ip link add {Bridge} type bridge && ip link set {Bridge} up && : >{made} && exec sleep infinity");
        await LabWait.UntilAsync(LabWait.Patience, () => $"the namespace is made: {File.ReadAllText(run.Log("network"))}", () =>
        {
            Assert.False(holder.HasExited, $"no network namespace: {File.ReadAllText(run.Log("network"))}");
            return Task.FromResult(File.Exists(made));
        });
        return new LabNetwork(holder);
    }

    /// <summary>Starts a host's QEMU on it.</summary>
    public Task<ChildProcess> StartAsync(LabRun run, string name, int number, IEnumerable<string> arguments)
    {
        const string Qemu = "qemu-system-x86_64";
        var tap = $"tap{number}";
        arguments = [
            .. arguments, "-device", $"virtio-net-pci,netdev=net,id=nic,mac=52:54:00:11:12:{number:x2}", "-netdev",
            _holder is null ? $"socket,id=net,mcast=230.11.12.13:{_port},localaddr=127.0.0.1" : $"tap,id=net,ifname={tap},script=no,downscript=no",
        ];
        // The host's former life has left its end.
        const string OnBridge = $"ip link show $0 >/dev/null 2>&1 || ip tuntap add dev $0 mode tap; ip link set $0 master {Bridge} up && exec {Qemu} \"$@\"";
        return _holder is null
            ? run.Children.StartAsync(name, Qemu, arguments)
            : run.Children.StartAsync(name, "nsenter", [$"--net=/proc/{_holder.Pid}/ns/net", "sh", "-c", OnBridge, tap, .. arguments]);
    }
}
