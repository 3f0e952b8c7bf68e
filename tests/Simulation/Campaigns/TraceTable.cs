using System.Globalization;

namespace OvirtSpm.Simulation.Campaigns;

/// <summary>What happened, one row per event, one column per host; the first column is the world's.</summary>
internal static class TraceTable
{
    private const int Width = 44;

    public static string Header(int hosts) =>
        $"{"seconds",12}  {"world",-Width}" + string.Concat(Enumerable.Range(1, hosts).Select(host => $" {$"host {host}",-Width}")).TrimEnd();

    public static string Row(TraceLine line, int hosts)
    {
        var text = line.Text.Length > Width && line.Host < hosts ? line.Text[..(Width - 1)] + "…" : line.Text;
        return (string.Create(CultureInfo.InvariantCulture, $"{line.At.TotalSeconds,12:0.000000}  ")
            + string.Concat(Enumerable.Repeat(new string(' ', Width + 1), line.Host)) + text).TrimEnd();
    }
}
