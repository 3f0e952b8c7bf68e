using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Guests;

namespace OvirtSpm.Node.Linux;

/// <summary>Kept in a file beside the sockets of the volumes.</summary>
/// <param name="boot">Guests of another one are gone.</param>
sealed class GuestRollFile(string directory, Guid boot) : IGuestRoll
{
    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    readonly string path = Path.Combine(directory, "guests.json");

    public IReadOnlyList<WatchGuestRequest> Read()
    {
        if (!File.Exists(path))
        {
            return [];
        }
        try
        {
            return JsonSerializer.Deserialize<Kept>(File.ReadAllText(path), Json) is { Guests: { } guests } kept && guests.All(guest => guest?.Qmp is not null)
                ? kept.Boot == boot ? guests : []
                : throw new IOException($"{path} names no guests.");
        }
        catch (Exception damaged) when (damaged is JsonException or UnauthorizedAccessException)
        {
            throw new IOException($"{path}: {damaged.Message}", damaged);
        }
    }

    public void Write(IReadOnlyList<WatchGuestRequest> guests)
    {
        var draft = path + ".new";
        try
        {
            File.WriteAllText(draft, JsonSerializer.Serialize(new Kept(boot, guests), Json));
            FileReplacement.Publish(draft, path, replace: true);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException(refused.Message, refused);
        }
    }

    sealed record Kept(Guid Boot, IReadOnlyList<WatchGuestRequest> Guests);
}
