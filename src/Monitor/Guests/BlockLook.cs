using System.Text.Json;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Monitor.Guests;

/// <summary>One guest device with a disk in it, as <c>query-block</c> prints it.</summary>
/// <param name="NodeName">The node the device uses: the format node, not the one that carries the threshold.</param>
/// <param name="IoStatus">ok, nospace or failed; empty for devices that do not keep one.</param>
public sealed record DeviceStatus(string Name, string NodeName, string IoStatus);

/// <summary>Everything one look at a guest's block layer tells.</summary>
/// <param name="RunStatus">running, io-error, paused…</param>
/// <param name="Nodes">By name.</param>
/// <param name="HighestBytes">Node name → end of the highest write since the node was opened, failed ones included.</param>
/// <param name="Below">Node name → name of the node under it. QEMU 7.2 calls this link "parent".</param>
public sealed record BlockLook(
    string RunStatus, IReadOnlyDictionary<string, NodeDescription> Nodes, IReadOnlyDictionary<string, long> HighestBytes,
    IReadOnlyDictionary<string, string> Below, IReadOnlyList<DeviceStatus> Devices)
{
    /// <summary>Asks all at once: one round trip. None of these commands drains a node, so they answer while a write is
    /// held (R16).</summary>
    /// <exception cref="QmpCommandException">QEMU refused one of them.</exception>
    /// <exception cref="QmpSessionException">The session is over or slow.</exception>
    public static async ValueTask<BlockLook> TakeAsync(QmpSession session, CancellationToken stop)
    {
        Task<JsonElement>[] replies =
        [
            session.ExecuteAsync("query-named-block-nodes", static json => json.WriteBoolean("flat", true), stop).AsTask(),
            session.ExecuteAsync("query-blockstats", static json => json.WriteBoolean("query-nodes", true), stop).AsTask(),
            session.ExecuteAsync("query-block", null, stop).AsTask(),
            session.ExecuteAsync("query-status", null, stop).AsTask(),
        ];
        var values = await Task.WhenAll(replies);
        return Read(values[0], values[1], values[2], values[3]);
    }

    /// <summary>Takes what it understands; what is missing or of another kind is left out, never guessed.</summary>
    public static BlockLook Read(JsonElement nodes, JsonElement stats, JsonElement devices, JsonElement status)
    {
        Dictionary<string, NodeDescription> byName = [];
        foreach (var node in Items(nodes))
            if (node.Text("node-name") is { Length: > 0 } name)
                byName[name] = new(name, node.Text("drv") ?? "", node.Text("file") ?? "", node.Flag("ro"), node.Number("write_threshold") ?? 0);

        Dictionary<string, long> highest = [];
        Dictionary<string, string> below = [];
        foreach (var node in Items(stats))
        {
            if (node.Text("node-name") is not { Length: > 0 } name)
                continue;
            if (node.Member("stats")?.Number("wr_highest_offset") is { } end and >= 0)
                highest[name] = end;
            if (node.Member("parent")?.Text("node-name") is { Length: > 0 } under)
                below[name] = under;
        }
        return new(status.Text("status") ?? "unknown", byName, highest, below, ReadDevices(devices));
    }

    /// <summary>Follows the links down to the node whose offsets are offsets in the volume.</summary>
    public static string Bottom(IReadOnlyDictionary<string, string> below, string nodeName)
    {
        // Bounded: a reply with a ring of links must not hold us for ever.
        for (var steps = 0; steps <= below.Count && below.TryGetValue(nodeName, out var under); steps++)
            nodeName = under;
        return nodeName;
    }

    public static IReadOnlyList<DeviceStatus> ReadDevices(JsonElement devices) =>
    [
        .. Items(devices).Select(device => new DeviceStatus(
            device.Text("device") is { Length: > 0 } name ? name : device.Text("qdev") ?? "?",
            device.Member("inserted")?.Text("node-name") ?? "", device.Text("io-status") ?? "")),
    ];

    private static IEnumerable<JsonElement> Items(JsonElement list) =>
        list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];
}
