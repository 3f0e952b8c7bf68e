namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>How an attempt to change a host's map ends.</summary>
public abstract record MapChange
{
    private MapChange()
    {
    }

    /// <summary>One sector to write and flush, and what the map is once it is durable (R10: before the device appears).</summary>
    public sealed record Write(SectorWrite Sector, HostActivations Next) : MapChange;

    /// <summary>The map says so already.</summary>
    public sealed record Unchanged : MapChange;

    /// <summary>R11: the sector holds entries of another machine, or of an earlier start of this one. They are not ours to overwrite.</summary>
    public sealed record HeldByOther(MapOwner Owner) : MapChange;

    /// <summary>R11: the sector cannot be believed; writing it would forget what is active.</summary>
    public sealed record Unreadable(RecordError Error) : MapChange;
}
