using System.Text.Json;

namespace OvirtSpm.Monitor.Qmp;

/// <summary>One line → one message. Never throws.</summary>
public static class QmpParser
{
    /// <param name="arrivedTimestamp">Goes into events unchanged.</param>
    public static QmpMessage Parse(ReadOnlyMemory<byte> line, long arrivedTimestamp)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(line);
            // The line's buffer is used again for the next one.
            root = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            return new QmpMessage.Garbage(
                $"a line is not JSON ({error.Message}); this is no QMP monitor, or one opened with pretty=on: turn that off");
        }
        if (root.ValueKind != JsonValueKind.Object)
            return new QmpMessage.Garbage($"a message is {root.ValueKind}, not an object; this is no QMP monitor");

        if (root.Text("event") is { } name)
            return new QmpMessage.Event(new QmpEvent(name, root.Member("data") ?? default, arrivedTimestamp));
        if (root.Member("return") is { } value)
            return new QmpMessage.Return(root.Number("id"), value);
        if (root.Member("error") is { ValueKind: JsonValueKind.Object } failure)
            return new QmpMessage.Error(root.Number("id"), failure.Text("class") ?? "GenericError", failure.Text("desc") ?? "no description");
        if (root.Member("QMP") is { ValueKind: JsonValueKind.Object } greeting)
            return new QmpMessage.Greeting(Version(greeting), Capabilities(greeting));
        return new QmpMessage.Garbage("a message is neither greeting, reply nor event; this is no QMP monitor");
    }

    private static string Version(JsonElement greeting)
    {
        if (greeting.Member("version") is not { } version || version.Member("qemu") is not { } qemu)
            return "unknown";
        var numbers = $"{qemu.Number("major") ?? 0}.{qemu.Number("minor") ?? 0}.{qemu.Number("micro") ?? 0}";
        return version.Text("package") is { Length: > 0 } package ? $"{numbers} ({package})" : numbers;
    }

    private static string[] Capabilities(JsonElement greeting) =>
        greeting.Member("capabilities") is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Select(JsonText.Of).OfType<string>()]
            : [];
}
