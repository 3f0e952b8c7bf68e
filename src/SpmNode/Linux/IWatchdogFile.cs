namespace OvirtSpm.Node.Linux;

/// <summary>A watchdog device of the kernel, as its calls are; one test replaces them.</summary>
/// <remarks>Opening starts it. Closing without the magic byte leaves it running: whoever dies with it open has the machine reset.</remarks>
/// <exception cref="IOException">The call failed; the message says which and why.</exception>
public interface IWatchdogFile
{
    string Path { get; }

    void Open();

    /// <summary>What it can do (WDIOF_*), and its name.</summary>
    (uint Options, string Identity) Support();

    /// <returns>What it took: drivers round.</returns>
    TimeSpan SetTimeout(TimeSpan timeout);

    /// <summary>So long before it fires the kernel says so, as its governor is set: in the log, or with a panic and its dump.</summary>
    void SetPretimeout(TimeSpan before);

    void KeepAlive();

    /// <summary>Stops it.</summary>
    void MagicClose();
}
