namespace OvirtSpm.Simulation;

/// <summary>A checker's verdict, with the seed that shows it and the last events.</summary>
internal sealed class SimulationFailure(string message) : Exception(message);
