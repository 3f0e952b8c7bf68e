using System.Text.Json;

namespace OvirtSpm.Monitor.Qmp;

/// <param name="Name">BLOCK_WRITE_THRESHOLD, STOP…</param>
/// <param name="Data">An object, or undefined when the event has none.</param>
/// <param name="ArrivedTimestamp">Of the session's clock, when the last byte of the message was here.</param>
public sealed record QmpEvent(string Name, JsonElement Data, long ArrivedTimestamp);
