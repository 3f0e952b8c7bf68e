using System.Globalization;
using System.Text;

namespace OvirtSpm.Node.Dashboard;

/// <summary>Metrics as text: the Prometheus exposition format, version 0.0.4.</summary>
/// <remarks>
/// <code>
/// # HELP name text            backslash and line feed escaped
/// # TYPE name counter|gauge|histogram
/// name{label="value"} number  value: backslash, double quote and line feed escaped
/// </code>
/// Every line ends in a line feed. A counter's name ends in <c>_total</c>. A histogram has one cumulative
/// <c>_bucket{le="bound"}</c> per bound, one for <c>+Inf</c> that equals <c>_count</c>, and <c>_sum</c>.
/// Source: prometheus.io, "Exposition formats", text-based format.
/// </remarks>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>The families in order of name; of two with one name the first is written, since a second would void the page.</summary>
    public static string Format(IEnumerable<MetricFamily> families)
    {
        var text = new StringBuilder(4096);
        string? previous = null;
        foreach (var (name, family) in families.Select(family => (Name: ExposedName(family), family)).OrderBy(pair => pair.Name, StringComparer.Ordinal))
        {
            if (name != previous && family.Series.Count > 0)
            {
                Append(text, name, family);
                previous = name;
            }
        }

        return text.ToString();
    }

    /// <summary>Tags as <c>a="1",b="2"</c>, sorted by name: equal tags in any order give one text.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        // Two tags may become one name once illegal characters are gone; a label written twice would void the page.
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in tags)
        {
            var label = LegalName(name, colonAllowed: false);
            sorted[label == "le" ? "tag_le" : label] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        }

        var text = new StringBuilder();
        foreach (var (name, value) in sorted)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"");
            AppendEscaped(text, value, quoted: true).Append('"');
        }

        return text.ToString();
    }

    /// <summary>A line a scraper skips and a person reads.</summary>
    public static string Remark(string remark) => $"# {remark.ReplaceLineEndings(" ")}\n";

    static string ExposedName(MetricFamily family)
    {
        var name = LegalName(family.Name, colonAllowed: true);
        return family.Kind == MetricKind.Counter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    static void Append(StringBuilder text, string name, MetricFamily family)
    {
        if (family.Help.Length > 0)
        {
            AppendEscaped(text.Append("# HELP ").Append(name).Append(' '), family.Help, quoted: false).Append('\n');
        }

        text.Append("# TYPE ").Append(name).Append(' ').Append(family.Kind.ToString().ToLowerInvariant()).Append('\n');
        foreach (var series in family.Series)
        {
            if (series.Buckets is { } buckets)
            {
                AppendHistogram(text, name, series, buckets);
            }
            else
            {
                AppendLine(text, name, series.Labels, series.Value);
            }
        }
    }

    static void AppendHistogram(StringBuilder text, string name, MetricSeries series, HistogramBuckets buckets)
    {
        var seen = 0L;
        var prefix = series.Labels.Length == 0 ? "" : series.Labels + ",";
        for (var i = 0; i < buckets.Counts.Count; i++)
        {
            seen += buckets.Counts[i];
            var bound = i < buckets.Bounds.Count ? buckets.Bounds[i] : double.PositiveInfinity;
            AppendLine(text, name + "_bucket", $"{prefix}le=\"{Number(bound)}\"", seen);
        }

        AppendLine(text, name + "_sum", series.Labels, series.Value);
        AppendLine(text, name + "_count", series.Labels, seen);
    }

    static void AppendLine(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    static StringBuilder AppendEscaped(StringBuilder text, string value, bool quoted)
    {
        foreach (var c in value)
        {
            _ = c switch
            {
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '"' when quoted => text.Append("\\\""),
                // Not special to the format, but some readers take it for the end of a line.
                '\r' => text.Append(' '),
                _ => text.Append(c),
            };
        }

        return text;
    }

    static string LegalName(string name, bool colonAllowed)
    {
        var legal = string.Create(name.Length, (name, colonAllowed), static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                var c = from.name[i];
                span[i] = char.IsAsciiLetterOrDigit(c) || (c == ':' && from.colonAllowed) ? c : '_';
            }
        });
        return legal.Length == 0 || char.IsAsciiDigit(legal[0]) ? "_" + legal : legal;
    }
}
