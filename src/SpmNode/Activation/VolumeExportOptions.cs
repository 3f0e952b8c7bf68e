namespace OvirtSpm.Node.Activation;

/// <summary>How one volume is served.</summary>
/// <param name="Name">Export name, and the tag in messages: the volume's uuid.</param>
/// <param name="MaximumBytes">Announced as the size of the disk; whole sectors.</param>
public sealed record VolumeExportOptions(string Name, long MaximumBytes)
{
    public bool ReadOnly { get; init; }

    /// <summary>R31: no write waits longer than this for space. Guests give a command up after 60 to 120 seconds.</summary>
    public TimeSpan HoldLimit { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Between two asks while the answer is <see cref="GrowthAnswer.Later"/>.</summary>
    public TimeSpan AskAgainAfter { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a full pool is remembered: writes in this time fail without asking again.</summary>
    public TimeSpan PoolFullMemory { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Asks whether a change may be issued and issues it, in one; null when it may not be any more. Without it everything may.</summary>
    public Func<Func<ValueTask>, ValueTask?>? Issue { get; init; }

    /// <summary>Pass trims on to the storage. Off: on a LUN shared by hosts a late discard is a late write.</summary>
    public bool PassTrims { get; init; }
}
