namespace OvirtSpm.Interop.Nodes.Faults;

enum FactState
{
    /// <summary>Asked for, not acknowledged: it may be there or not.</summary>
    Asked,

    /// <summary>Acknowledged.</summary>
    There,

    /// <summary>Its deletion was asked for: it may be there or not.</summary>
    Leaving,

    /// <summary>Its deletion was acknowledged.</summary>
    Gone,
}

/// <summary>What a client was told of one volume.</summary>
/// <param name="Bytes">The largest acknowledged allocation.</param>
sealed record VolumeFact(Guid Volume, FactState State, long Bytes);
