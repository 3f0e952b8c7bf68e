using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Choices;

/// <summary>An odometer over all choices of a small world: run, <see cref="Advance"/>, run again, until it says no.</summary>
internal sealed class ExhaustiveChoice : IChoice
{
    private readonly List<(int Picked, int Count)> wheels = [];
    private int next;

    public int Pick(int count, string what)
    {
        if (next == wheels.Count)
        {
            wheels.Add((0, count));
        }

        return wheels[next++].Picked;
    }

    /// <returns>False when every combination was run.</returns>
    public bool Advance()
    {
        next = 0;
        while (wheels.Count > 0)
        {
            var (picked, count) = wheels[^1];
            wheels.RemoveAt(wheels.Count - 1);
            if (picked + 1 < count)
            {
                wheels.Add((picked + 1, count));
                return true;
            }
        }

        return false;
    }
}
