namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>What a volume needs whose writes wait behind its end.</summary>
/// <param name="HoldLimit">R31: nothing waits longer.</param>
/// <param name="Growth">Asked while something waits.</param>
internal sealed record TailOptions(TimeSpan HoldLimit, IGrowthRequests Growth, ExportMetrics? Metrics, Action<string> Log)
{
    /// <summary>Between two looks: most of what a write waits for.</summary>
    public TimeSpan Look { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Between two questions, while the answer is <see cref="GrowthAnswer.Later"/>.</summary>
    public TimeSpan AskAgainAfter { get; init; } = TimeSpan.FromMilliseconds(100);
}
