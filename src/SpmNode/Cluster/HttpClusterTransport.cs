using System.Collections.Concurrent;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Cluster;

/// <summary>Asks the SPM over HTTP; connections are kept, so that an extend costs no handshake.</summary>
sealed class HttpClusterTransport(TimeSpan timeout) : IClusterTransport, IAsyncDisposable
{
    readonly ConcurrentDictionary<string, NodeClient> clients = [];

    public Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop) =>
        clients.GetOrAdd(url, address => new NodeClient(address, timeout)).ExtendVolumeAsync(volume.ToString(), request).WaitAsync(stop);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients.Values)
        {
            await client.DisposeAsync();
        }
    }
}
