using System.Text.Json;
using System.Text.Json.Serialization;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Cli;

/// <summary>What verbs print: JSON for programs, tables for people. stdout carries nothing else.</summary>
static class Output
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void WriteJson<T>(T value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, Json));

    /// <returns>The exit code.</returns>
    public static int Report(CheckReport report, bool asJson)
    {
        if (asJson)
        {
            WriteJson(report);
        }
        else
        {
            foreach (var line in report.Findings)
            {
                Console.Out.WriteLine($"{(line.Ok ? "ok    " : "WRONG ")} {line.Place}: {line.Text}");
            }
        }
        return report.Ok ? 0 : 1;
    }

    public static void WriteTable(string[] columns, IEnumerable<string[]> rows)
    {
        var lines = rows.ToList();
        var widths = columns.Select((name, at) => Math.Max(name.Length, lines.Count == 0 ? 0 : lines.Max(row => row[at].Length))).ToArray();
        if (columns.Any(name => name.Length > 0))
        {
            Console.Out.WriteLine(Line(columns, widths));
        }
        foreach (var row in lines)
        {
            Console.Out.WriteLine(Line(row, widths));
        }
    }

    static string Line(string[] cells, int[] widths) =>
        string.Join("  ", cells.Select((cell, at) => cell.PadRight(widths[at]))).TrimEnd();
}
