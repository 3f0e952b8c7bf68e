using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>The real API server on a loopback port of its own.</summary>
sealed class ServedNode : IAsyncDisposable
{
    readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    readonly WebApplication app;

    ServedNode(INodeVerbs node)
    {
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Url = $"http://{listener.LocalEndPoint}";
        app = ApiServer.Build(listener, node);
    }

    public string Url { get; }

    /// <summary>What its settings come from.</summary>
    public IEnumerable<IConfigurationProvider> Settings => ((IConfigurationRoot)app.Configuration).Providers;

    public static async Task<ServedNode> StartAsync(INodeVerbs node)
    {
        var served = new ServedNode(node);
        await served.app.StartAsync();
        return served;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        listener.Dispose();
    }
}
