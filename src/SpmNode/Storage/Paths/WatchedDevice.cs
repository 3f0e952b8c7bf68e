using OvirtSpm.Leases;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Storage.Paths;

/// <summary>One device of the domain, and how this host reaches it.</summary>
sealed record WatchedDevice(string Device, MultipathMap Map, QueueLimit Limit)
{
    public MultipathReply Describe() => new(
        Device, Map.Name, Map.Wwid, [.. Map.Paths.Select(path => new PathReply(path.Name, path.Number, path.IsUsable, path.Failures))],
        Limit switch
        {
            QueueLimit.For { Time.TotalSeconds: var seconds } => seconds,
            QueueLimit.None => 0,
            _ => null,
        });

    public IEnumerable<string> Warnings(LeaseTiming timing)
    {
        if (Map.Usable == 0)
        {
            yield return $"{Device} has no usable path: {(Map.Queues ? "I/O waits" : "I/O fails")}";
        }
        else if (Map.Failed > 0)
        {
            yield return $"{Device}: {Map.Failed} of {Map.Paths.Count} paths failed ({string.Join(", ", Map.Paths.Where(path => !path.IsUsable).Select(path => path.Name))})";
        }
        if (QueueAdvice.For(Map.Name, Limit, timing) is { } advice)
        {
            yield return advice;
        }
    }
}
