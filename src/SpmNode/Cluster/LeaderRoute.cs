using OvirtSpm.Node.Pool;

namespace OvirtSpm.Node.Cluster;

/// <summary>Where the SPM of now is, as far as the lease and the host records tell.</summary>
abstract record LeaderRoute
{
    public sealed record Here(PoolVerbs Verbs) : LeaderRoute;

    public sealed record There(int HostId, string Name, string Url) : LeaderRoute;

    /// <param name="Why">For people.</param>
    /// <param name="Soon">The lease is on its way from one host to the next.</param>
    public sealed record Nobody(string Why, bool Soon = false) : LeaderRoute;
}
