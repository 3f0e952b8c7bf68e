using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cli;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node;

/// <summary>Walks the way of an extend once before a guest needs it.</summary>
/// <remarks>
/// The first request of its kind compiles client, endpoint and formats: measured 120 to 300 ms, in which a guest at device speed writes past
/// the end of its volume. The request names a volume that no pool has, so it is refused wherever it arrives and changes nothing.
/// </remarks>
static class Warmup
{
    /// <param name="url">This node's own interface.</param>
    public static async Task RunAsync(string url)
    {
        var reply = new ExtendVolumeReply($"{Guid.Empty}", 0, 0, 0, 0, [new SegmentReply("", 0, 0)]);
        _ = JsonSerializer.Deserialize<ExtendVolumeReply>(JsonSerializer.Serialize(reply, Output.Json), Output.Json);
        await using var self = new NodeClient(url, TimeSpan.FromSeconds(10));
        foreach (var host in new int?[] { null, 1 })
        {
            try
            {
                await self.ExtendVolumeAsync($"{Guid.Empty}", new ExtendVolumeRequest(1, host, 1, null));
            }
            catch (Refusal)
            {
                // As it must be: there is no such volume, or no SPM yet.
            }
        }
    }
}
