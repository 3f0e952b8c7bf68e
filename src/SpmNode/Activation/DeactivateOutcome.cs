namespace OvirtSpm.Node.Activation;

/// <summary>How far a deactivation came.</summary>
public abstract record DeactivateOutcome
{
    /// <summary>R8: every write issued for the volume has returned; its extents may be given away as far as this host goes.</summary>
    public sealed record Returned : DeactivateOutcome;

    /// <summary>Somebody on this host has it open, and it stays as it is.</summary>
    public sealed record Open : DeactivateOutcome;

    /// <summary>Some writes are stuck in the kernel. Nothing new begins; the activation map must keep naming the volume until <paramref name="AllReturned"/>.</summary>
    public sealed record StillWriting(int Writes, Task AllReturned) : DeactivateOutcome;
}
