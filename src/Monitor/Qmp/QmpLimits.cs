namespace OvirtSpm.Monitor.Qmp;

/// <summary>What a monitor may make us hold or wait for, so that a broken or hostile one cannot take the node with it.</summary>
public sealed record QmpLimits
{
    public static readonly QmpLimits Default = new();

    /// <summary>Longest message. Measured: QEMU 7.2 needs about 1.1 KiB per block node in its longest reply.</summary>
    public int MessageBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Events nobody has taken yet. One more ends the session: a dropped event would be a threshold missed,
    /// while a new session reads the state of every disk again.</summary>
    public int WaitingEvents { get; init; } = 4096;

    /// <summary>Commands without a reply.</summary>
    public int OpenCommands { get; init; } = 1024;

    /// <summary>From the connection to the accepted capabilities.</summary>
    public TimeSpan GreetingTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From command to reply. QEMU's main loop can be held up for long by its own storage.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
