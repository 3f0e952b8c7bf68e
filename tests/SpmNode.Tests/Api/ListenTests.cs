using System.Net;
using System.Net.Sockets;

namespace OvirtSpm.Node.Tests.Api;

public sealed class ListenTests
{
    /// Two sockets on one port would share its connections: every other request for one node would reach the other.
    [Fact]
    public void A_second_node_on_the_same_address_is_refused()
    {
        using var first = NodeHost.Listen("127.0.0.1:0");
        var refusal = Assert.Throws<Refusal>(() => NodeHost.Listen($"{first.LocalEndPoint}"));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
    }

    [Fact]
    public void A_node_that_is_restarted_gets_its_address_back_at_once()
    {
        IPEndPoint address;
        using (var first = NodeHost.Listen("127.0.0.1:0"))
        {
            address = (IPEndPoint)first.LocalEndPoint!;
            using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            client.Connect(address);
            using var served = first.Accept();
            served.Shutdown(SocketShutdown.Both); // closed here first: this end waits out its TIME_WAIT
        }
        using var again = NodeHost.Listen($"{address}");
    }
}
