using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Which volumes this SPM is working on: each for one piece of work, or for several that only need it to stay.</summary>
/// <remarks>Between hosts the activation maps decide; this keeps the verbs of one SPM from meeting each other half-way.</remarks>
sealed class VolumeLocks
{
    const int Exclusive = -1;

    readonly Dictionary<Guid, int> taken = [];

    /// <exception cref="Refusal">Other work has one of them; nothing is taken then.</exception>
    public IDisposable Take(IEnumerable<Guid> volumes) => Take(volumes, exclusive: true);

    /// <summary>They stay as they are; others may rely on that at the same time.</summary>
    public IDisposable Share(IEnumerable<Guid> volumes) => Take(volumes, exclusive: false);

    Taken Take(IEnumerable<Guid> volumes, bool exclusive)
    {
        var mine = new Taken(this);
        lock (taken)
        {
            foreach (var volume in volumes)
            {
                var now = taken.GetValueOrDefault(volume);
                if (now == Exclusive || (exclusive && now != 0))
                {
                    mine.Release();
                    throw Refusal.Conflict($"volume {volume} is being worked on right now; ask again in a moment.");
                }
                taken[volume] = exclusive ? Exclusive : now + 1;
                mine.Volumes.Add(volume);
            }
        }
        return mine;
    }

    sealed class Taken(VolumeLocks owner) : IDisposable
    {
        public List<Guid> Volumes { get; } = [];

        public void Dispose()
        {
            lock (owner.taken)
            {
                Release();
            }
        }

        public void Release()
        {
            foreach (var volume in Volumes)
            {
                if (owner.taken[volume] is Exclusive or 1)
                {
                    owner.taken.Remove(volume);
                }
                else
                {
                    owner.taken[volume]--;
                }
            }
            Volumes.Clear();
        }
    }
}
