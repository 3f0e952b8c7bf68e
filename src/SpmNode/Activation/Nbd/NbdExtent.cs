namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>A run of equal block status in <c>base:allocation</c>.</summary>
public readonly record struct NbdExtent(uint LengthBytes, NbdAllocation State);

/// <summary>Bits of <c>base:allocation</c>. Source: NBD protocol, "Metadata context".</summary>
[Flags]
public enum NbdAllocation : uint
{
    Allocated = 0,
    Hole = 1,
    Zero = 2,
}
