namespace OvirtSpm.Simulation;

/// <summary>A checker's verdict, with the seed that shows it and the last events.</summary>
internal sealed class SimulationFailure(string verdict, string message) : Exception(message)
{
    public string Verdict => verdict;
}
