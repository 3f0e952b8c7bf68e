using System.Threading.Channels;

namespace OvirtSpm.Node;

/// <summary>Queues between loops.</summary>
static class Queues
{
    /// <summary>One reader. Continuations run where the item was written, so that nothing leaves a simulated scheduler.</summary>
    public static Channel<T> Create<T>() =>
        Channel.CreateUnbounded<T>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });
}
