using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Cluster;

/// <summary>R24: numbers what one program asks for. The same request keeps its id however often it is sent.</summary>
/// <param name="host">The asking host's id; 0 for a person's command.</param>
/// <param name="life">Drawn at the start of the program.</param>
sealed class RequestIds(int host, Guid life)
{
    long counter;

    public string Next() => new RequestId(host, life, (ulong)Interlocked.Increment(ref counter)).ToString();
}
