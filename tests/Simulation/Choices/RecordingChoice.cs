using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Choices;

/// <summary>Remembers what another choice picked, for <see cref="ReplayChoice"/>.</summary>
internal sealed class RecordingChoice(IChoice inner) : IChoice
{
    public List<int> Picks { get; } = [];

    public int Pick(int count, string what)
    {
        Picks.Add(inner.Pick(count, what));
        return Picks[^1];
    }
}
