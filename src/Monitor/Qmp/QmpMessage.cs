using System.Text.Json;

namespace OvirtSpm.Monitor.Qmp;

/// <summary>Everything QEMU can say. Source: QEMU 7.2, docs/interop/qmp-spec.txt.</summary>
public abstract record QmpMessage
{
    private QmpMessage() { }

    /// <param name="Version">For people: "7.2.22 (Debian …)".</param>
    public sealed record Greeting(string Version, IReadOnlyList<string> Capabilities) : QmpMessage;

    /// <param name="Id">Null when the reply carries none, or one that is not ours.</param>
    public sealed record Return(long? Id, JsonElement Value) : QmpMessage;

    /// <param name="Id">Null when QEMU could not even read what it answers to.</param>
    public sealed record Error(long? Id, string ErrorClass, string Description) : QmpMessage;

    public sealed record Event(QmpEvent Value) : QmpMessage;

    /// <summary>Not QMP; ends the session.</summary>
    public sealed record Garbage(string Reason) : QmpMessage;
}
