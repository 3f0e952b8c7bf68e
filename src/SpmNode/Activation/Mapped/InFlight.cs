namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>Requests that a map has taken and not answered. Those that write include zeroing and discards.</summary>
internal readonly record struct InFlight(long Reads, long Writes)
{
    public bool IsNone => Reads == 0 && Writes == 0;
}
