namespace OvirtSpm.Simulation;

/// <summary>One thing that happened.</summary>
/// <param name="Host">0: the storage, a client, or the world.</param>
internal readonly record struct TraceLine(TimeSpan At, int Host, string Text)
{
    public override string ToString() => FormattableString.Invariant($"{At.TotalSeconds,12:0.000000} {(Host == 0 ? "" : $"h{Host} ")}{Text}");
}
