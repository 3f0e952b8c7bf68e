using System.Text.Json;

namespace OvirtSpm.Monitor.Guests;

/// <summary>Reads the addresses QEMU prints for NBD nodes. Source: what QEMU 7.2 prints, and block/nbd.c.</summary>
public static class NbdAddress
{
    /// <returns>Null for anything that is not NBD on a Unix socket. QEMU does not escape the path, so neither do we unescape.</returns>
    public static string? SocketPath(string fileName)
    {
        const string Scheme = "nbd+unix://", Query = "?socket=";
        if (fileName.StartsWith("json:", StringComparison.Ordinal))
            return FromJson(fileName[5..]);
        if (!fileName.StartsWith(Scheme, StringComparison.Ordinal))
            return null;
        var at = fileName.IndexOf(Query, Scheme.Length, StringComparison.Ordinal);
        var path = at < 0 ? "" : fileName[(at + Query.Length)..];
        return path.Length > 0 ? path : null;
    }

    private static string? FromJson(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            if (root.TryGetProperty("server", out var server))
                return server.ValueKind == JsonValueKind.Object ? Text(server, "path") : null;
            return Text(root, "server.path") ?? Text(root, "path");
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && JsonText.Of(value) is { Length: > 0 } text
            ? text : null;
}
