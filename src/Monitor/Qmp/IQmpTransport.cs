namespace OvirtSpm.Monitor.Qmp;

/// <summary>The way to one QEMU's monitor. The stream carries QMP in both directions and belongs to the caller.</summary>
public interface IQmpTransport
{
    /// <summary>What a person is told when this monitor cannot be reached, for example a socket path.</summary>
    string Name { get; }

    /// <exception cref="IOException">Nothing answers there; the message says what was tried and why it failed.</exception>
    ValueTask<Stream> ConnectAsync(CancellationToken stop);
}
