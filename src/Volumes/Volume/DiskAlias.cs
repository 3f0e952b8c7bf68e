using System.Text.Json;
using System.Text.Json.Nodes;

namespace OvirtSpm.Volumes.Volume;

/// <summary>The name of a disk inside a volume's description: <c>{"DiskAlias":"d1"}</c>.</summary>
public static class DiskAlias
{
    public const string Key = "DiskAlias";

    /// <returns>Null when the description is not JSON, has no alias or an empty one.</returns>
    public static string? Of(string description)
    {
        if (!description.StartsWith('{'))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(description);
            return document.RootElement.TryGetProperty(Key, out var alias) && alias.ValueKind == JsonValueKind.String && alias.GetString() is { Length: > 0 } name
                ? name
                : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The description is free text: oVirt cuts it at 210 characters, which leaves broken JSON, and broken escapes surface late.
            return null;
        }
    }

    /// <returns>A description that carries the alias and nothing else.</returns>
    public static string Describe(string alias) => new JsonObject { [Key] = alias }.ToJsonString(Relaxed);

    // Letters beyond ASCII stay letters: escaped ones cost six of the 210 characters each.
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
