using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Choices;

/// <summary>All choices of one run from one number (splitmix64, so that a seed means the same on every runtime).</summary>
internal sealed class SeededChoice(ulong seed) : IChoice
{
    private ulong state = seed;

    public int Pick(int count, string what)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (int)((z ^ (z >> 31)) % (ulong)count);
    }
}
