using System.Globalization;
using System.Text.Json;

namespace OvirtSpm.Node.Storage.Paths;

/// <summary>How long multipathd lets I/O wait that has no path left.</summary>
abstract record QueueLimit
{
    QueueLimit()
    {
    }

    public sealed record For(TimeSpan Time) : QueueLimit;

    /// <summary>It fails at once.</summary>
    public sealed record None : QueueLimit;

    public sealed record Forever : QueueLimit;

    /// <param name="Why">What multipathd did not say.</param>
    public sealed record Unknown(string Why) : QueueLimit;

    /// <param name="maps">multipathd's answer to <c>show maps json</c>.</param>
    /// <param name="configuration">Its answer to <c>show config local</c>.</param>
    public static QueueLimit Of(string map, string maps, string configuration)
    {
        if (QueueingOf(map, maps) is not { } queueing)
        {
            return new Unknown($"multipathd has no map '{map}'");
        }
        switch (queueing.Split(' '))
        {
            case ["on"]:
                return new Forever();
            case ["off"] or ["-"]:
                return new None();
            case [var count, "chk"] when int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var checks):
                return IntervalSeconds(configuration) is { } interval
                    ? new For(TimeSpan.FromSeconds((double)checks * interval))
                    : new Unknown("multipathd's configuration has no polling_interval");
            default:
                // "12 sec": what is left while there is no path.
                return new Unknown($"multipathd says '{queueing}'");
        }
    }

    static string? QueueingOf(string map, string maps)
    {
        try
        {
            using var answer = JsonDocument.Parse(maps);
            return answer.RootElement.GetProperty("maps").EnumerateArray()
                .Where(one => one.GetProperty("name").GetString() == map)
                .Select(one => one.GetProperty("queueing").GetString()).FirstOrDefault();
        }
        catch (Exception other) when (other is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    static int? IntervalSeconds(string configuration) => configuration.Split('\n')
        .Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words is ["polling_interval", _])
        .Select(words => int.TryParse(words[1].Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : (int?)null)
        .FirstOrDefault();
}
