namespace OvirtSpm.Volumes.Domain;

/// <summary>One of the logical volumes that make a volume group a storage domain.</summary>
/// <param name="Name">The LV name.</param>
/// <param name="NominalBytes">What its content needs.</param>
/// <param name="ZeroedBytes">How many bytes from its start must be zero before the domain is ready; the rest is never read uninitialised.</param>
/// <param name="Purpose">One line for people.</param>
public sealed record SpecialVolume(string Name, long NominalBytes, long ZeroedBytes, string Purpose)
{
    /// <summary>Size of the LV in extents of 128 MiB: the nominal size rounded up.</summary>
    public int Extents => (int)DomainLimits.ExtentsFor(NominalBytes);

    public long RealBytes => Extents * DomainLimits.ExtentBytes;
}
