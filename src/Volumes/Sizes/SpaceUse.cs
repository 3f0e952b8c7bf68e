namespace OvirtSpm.Volumes.Sizes;

/// <summary>Who asks for extents. When space runs out, the first is refused first.</summary>
public enum SpaceUse
{
    /// <summary>New volumes, snapshots, copies: they leave all of the reserve.</summary>
    Creation,

    /// <summary>What a person asks for a volume that is there: leaves half of the reserve.</summary>
    Person,

    /// <summary>A running guest, and what was promised before: may take everything.</summary>
    Guest,
}
