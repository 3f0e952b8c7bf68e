namespace OvirtSpm.Simulation.Fidelity;

/// <summary>On what the contract is tried.</summary>
public enum FidelityKind
{
    Simulated512,
    Simulated4096,
    File512,
    File4096,
    Loop512,
    Loop4096,
}
