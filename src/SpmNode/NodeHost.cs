using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Dashboard;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node;

/// <summary>The process of a node: its API and its loops, started and stopped in the right order.</summary>
static class NodeHost
{
    public static async Task<int> RunAsync(NodeOptions options, CancellationToken stop)
    {
        Directory.CreateDirectory(options.State);
        using var twin = LockState(options.State);
        using var lun = NodeComposition.OpenLun(options.Lun!, readOnly: false, options.SectorSize, devices: options.Devices);
        var domain = await PoolDomain.OpenAsync(lun);
        RefuseOtherTimeouts(options, domain);
        foreach (var device in domain.Devices.Missing())
        {
            Log($"{device} is not seen by this host: volumes that lie there cannot be used here");
        }
        using var listener = Listen(options.Listen);
        var url = options.AdvertiseUrl ?? $"http://{listener.LocalEndPoint}";
        using var metrics = new NodeMetrics();
        using var collector = new MetricsCollector(metrics.Meter);
        var node = NodeComposition.CreateNode(options, domain, url, metrics, Log, out var verbs, collector);
        using var guard = NodeComposition.GuardHolds(options, node, Log);
        await using var app = ApiServer.Build(listener, verbs);
        await app.StartAsync(CancellationToken.None);
        WriteUrl(options.State, url);
        Log($"node '{options.Name}' of domain {domain.Uuid}, API at {url}");
        Log(node.Membership.Guard.Watchdog.IsUnsafe
            ? "watchdog: none (unsafe): one host acknowledges changes at any moment, but a write already queued when this host hangs may land late"
            : $"watchdog: {node.Membership.Guard.Watchdog.Name}, armed while this node is SPM; resets this machine within {domain.Timing.WatchdogTimeout.TotalSeconds:0} s of a deadline it cannot keep");
        if (options.WarmUp)
        {
            _ = Warmup.RunAsync($"http://{listener.LocalEndPoint}");
            _ = NodeComposition.WarmUpTakeoverAsync();
        }
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop, app.Lifetime.ApplicationStopping);
        using var ended = new CancellationTokenSource();
        var paths = node.Paths?.RunAsync(ended.Token) ?? Task.CompletedTask;
        var sleep = node.SleepWatch?.RunAsync(ended.Token) ?? Task.CompletedTask;
        try
        {
            await node.RunAsync(() => { }, ending.Token);
        }
        finally
        {
            // R26: until here, a node that ends hands over, too.
            ended.Cancel();
            await Task.WhenAll(sleep, paths);
            // The role and the host id are given back first; whoever still asks is then told where to go.
            await app.StopAsync(CancellationToken.None);
            File.Delete(Path.Combine(options.State, "url"));
        }
        return 0;
    }

    /// <summary>R19: a host that counts with other timeouts than its peers is dead to them while it writes.</summary>
    static void RefuseOtherTimeouts(NodeOptions options, PoolDomain domain)
    {
        if ((options.IoTimeoutSeconds ?? domain.Tags.IoTimeoutSeconds) != domain.Tags.IoTimeoutSeconds
            || (options.WatchdogTimeoutSeconds ?? domain.Tags.WatchdogTimeoutSeconds) != domain.Tags.WatchdogTimeoutSeconds)
        {
            throw Refusal.Conflict(
                $"this node is configured for other timeouts than the pool has (io timeout {options.IoTimeoutSeconds} s, watchdog timeout {options.WatchdogTimeoutSeconds} s). Leave them out, or join another pool. The pool's:\n{domain.Timing.Explain()}");
        }
    }

    /// <summary>R30: a twin process with the same state would look like this node to everybody.</summary>
    static FileStream LockState(string state)
    {
        try
        {
            return new FileStream(Path.Combine(state, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw Refusal.Conflict($"another node runs with the state directory {state}. Stop it, or give this one its own --state.");
        }
    }

    /// <summary>Bound before anything else, so that the address in the host record is the one that answers.</summary>
    /// <remarks>
    /// Without ReuseAddress: .NET makes it SO_REUSEPORT, too, and then a second node on this address would get every other request
    /// of the first. Binding over connections that are still closing works without it.
    /// </remarks>
    internal static Socket Listen(string address)
    {
        var endpoint = IPEndPoint.Parse(address);
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endpoint);
            socket.Listen(512);
            return socket;
        }
        catch (SocketException failed)
        {
            socket.Dispose();
            throw Refusal.Conflict($"the API cannot listen on {address}: {failed.Message}. Give --listen another port.");
        }
    }

    static void WriteUrl(string state, string url)
    {
        var draft = Path.Combine(state, "url.new");
        File.WriteAllText(draft, url);
        File.Move(draft, Path.Combine(state, "url"), overwrite: true);
    }

    static void Log(string line) => Console.Error.WriteLine($"{DateTime.UtcNow:HH:mm:ss.fff} {line}");
}
