using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo;

/// <summary>The extends that the nodes report, each with the span of time in which it must have happened.</summary>
/// <remarks>A node tells latencies, not instants; looking often bounds the instant from both sides.</remarks>
sealed class ExtendLog
{
    readonly Dictionary<(string Guest, string Volume), (int Count, TimeSpan LookedAt)> seen = [];
    readonly List<Extend> extends = [];

    /// <param name="NotBefore">Since the run began: the earliest instant at which its threshold event can have arrived.</param>
    /// <param name="NotAfter">The latest instant at which the guest can have got the space.</param>
    sealed record Extend(double Milliseconds, TimeSpan NotBefore, TimeSpan NotAfter);

    /// <param name="now">Since the run began, read after the reply came.</param>
    public void Observe(IEnumerable<GuestReply> guests, TimeSpan now)
    {
        lock (extends)
        {
            foreach (var (guest, disk) in guests.SelectMany(guest => guest.Disks.Select(disk => (guest, disk))))
            {
                var key = (guest.Name, disk.Volume);
                var (count, lookedAt) = seen.GetValueOrDefault(key);
                foreach (var milliseconds in disk.LatenciesMilliseconds.Skip(count))
                {
                    extends.Add(new(milliseconds, lookedAt - TimeSpan.FromMilliseconds(milliseconds), now));
                }
                seen[key] = (disk.LatenciesMilliseconds.Count, now);
            }
        }
    }

    public int Count
    {
        get { lock (extends) return extends.Count; }
    }

    /// <summary>The latencies of extends inside and outside a span of time.</summary>
    public (IReadOnlyList<double> Outside, IReadOnlyList<double> Overlapping) Split(TimeSpan from, TimeSpan until)
    {
        lock (extends)
        {
            var overlapping = extends.ToLookup(extend => extend.NotAfter >= from && extend.NotBefore <= until, extend => extend.Milliseconds);
            return ([.. overlapping[false]], [.. overlapping[true]]);
        }
    }
}
