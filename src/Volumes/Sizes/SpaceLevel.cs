namespace OvirtSpm.Volumes.Sizes;

/// <summary>How near its end a pool's space is; the higher, the worse.</summary>
public enum SpaceLevel
{
    Ample,

    /// <summary>More than the warning percentage is allocated.</summary>
    Low,

    /// <summary>At the rate at which it is being allocated nothing is left soon.</summary>
    Soon,

    /// <summary>Only what is kept for running guests is left.</summary>
    Reserve,

    /// <summary>Nothing is left: the next guest that needs space pauses.</summary>
    Full,
}
