using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Choices;

/// <summary>The recorded picks of another run, then always the first possibility.</summary>
internal sealed class ReplayChoice(IReadOnlyList<int> picks) : IChoice
{
    private int next;

    public int Pick(int count, string what) => next < picks.Count ? Math.Min(picks[next++], count - 1) : 0;
}
