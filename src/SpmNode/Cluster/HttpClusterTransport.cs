using System.Collections.Concurrent;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Cluster;

/// <summary>Asks the SPM over HTTP; connections are kept, so that an extend costs no handshake.</summary>
sealed class HttpClusterTransport(TimeSpan timeout) : IClusterTransport, IPeerNotices, IAsyncDisposable
{
    readonly ConcurrentDictionary<string, NodeClient> clients = [];

    public Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop) =>
        At(url).ExtendVolumeAsync(volume.ToString(), request).WaitAsync(stop);

    public Task<HandOverNoticeReply> TellAsync(string url, HandOverNotice notice) => At(url).TellAsync(notice);

    public Task<HandOverReply> AskForHandOverAsync(string url, HandOverRequest request) => At(url).HandOverAsync(request);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients.Values)
        {
            await client.DisposeAsync();
        }
    }

    NodeClient At(string url) => clients.GetOrAdd(url, address => new NodeClient(address, timeout));
}
