namespace OvirtSpm.Simulation.Pool;

/// <summary>What a host is in the middle of when a fault strikes.</summary>
internal enum AimedAt
{
    /// <summary>A write of the volume group's texts or headers.</summary>
    Commit,

    /// <summary>A write of the SPM lease: a ballot, or giving it back.</summary>
    Ballot,

    /// <summary>A write of a slot, an activation map, a host record or the journal.</summary>
    Records,
}

/// <summary>A fault that waits for its moment: the host issues one more write of a kind.</summary>
/// <param name="Skip">How many of them go by first: a commit has two texts and two headers.</param>
/// <param name="Strike">Told about the write before anything of it may land.</param>
internal sealed record PoolAim(AimedAt At, int Skip, Action<SimIo> Strike);
