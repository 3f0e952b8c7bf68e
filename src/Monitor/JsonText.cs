using System.Text.Json;

namespace OvirtSpm.Monitor;

/// <summary>Reads members of JSON somebody else wrote: a wrong kind is "not there", never an exception.</summary>
internal static class JsonText
{
    /// <returns>Null also when the text is not valid Unicode (a lone surrogate escape parses but cannot be read).</returns>
    public static string? Of(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static string? Text(this JsonElement of, string name) => Member(of, name) is { } value ? Of(value) : null;

    public static long? Number(this JsonElement of, string name) =>
        Member(of, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    public static bool Flag(this JsonElement of, string name) => Member(of, name) is { ValueKind: JsonValueKind.True };

    public static JsonElement? Member(this JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) ? value : null;
}
