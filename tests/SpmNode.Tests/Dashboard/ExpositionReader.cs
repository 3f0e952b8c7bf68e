using System.Globalization;

namespace OvirtSpm.Node.Tests.Dashboard;

/// The obvious slow reader of the exposition format, written from its description and not from the writer.
static class ExpositionReader
{
    public sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

    public sealed record Page(Dictionary<string, string> Types, Dictionary<string, string> Help, List<Sample> Samples)
    {
        public double Value(string name, params (string Name, string Value)[] labels) =>
            Samples.Single(sample => sample.Name == name && sample.Labels.Count == labels.Length
                && labels.All(label => sample.Labels.GetValueOrDefault(label.Name) == label.Value)).Value;
    }

    public static Page Read(string text)
    {
        Assert.True(text.Length == 0 || text.EndsWith('\n'), "the last line must end in a line feed");
        Assert.DoesNotContain('\r', text);
        var page = new Page([], [], []);
        foreach (var line in text.Split('\n').Where(line => line.Length > 0))
        {
            var words = line.Split(' ', 4);
            if (words[0] == "#" && words[1] == "TYPE")
            {
                Assert.Contains(words[3], (string[])["counter", "gauge", "histogram"]);
                page.Types.Add(words[2], words[3]);      // twice is an error
            }
            else if (words[0] == "#" && words[1] == "HELP")
            {
                page.Help.Add(words[2], Unescape(words.Length > 3 ? words[3] : "", '\0'));
            }
            else if (words[0] != "#")
            {
                page.Samples.Add(ReadSample(line));
            }
        }

        Assert.Equal(page.Samples.Count, page.Samples.Select(sample =>
            sample.Name + string.Concat(sample.Labels.OrderBy(label => label.Key).Select(label => $"\0{label.Key}\0{label.Value}"))).Distinct().Count());
        return page;
    }

    static Sample ReadSample(string line)
    {
        var at = 0;
        var name = Name();
        var labels = new Dictionary<string, string>();
        if (line[at] == '{')
        {
            do
            {
                at++;
                var label = Name();
                Assert.Equal("=\"", line.Substring(at, 2));
                var start = at += 2;
                while (line[at] != '"')
                {
                    at += line[at] == '\\' ? 2 : 1;
                }

                labels.Add(label, Unescape(line[start..at], '"'));
                at++;
            }
            while (line[at] == ',');
            Assert.Equal('}', line[at++]);
        }

        Assert.Equal(' ', line[at++]);
        return new(name, labels, line[at..] switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            "NaN" => double.NaN,
            var number => double.Parse(number, NumberStyles.Float, CultureInfo.InvariantCulture),
        });

        string Name()
        {
            var start = at;
            while (char.IsAsciiLetterOrDigit(line[at]) || line[at] is '_' or ':')
            {
                at++;
            }

            Assert.True(at > start && !char.IsAsciiDigit(line[start]), $"a name is missing at {start} of: {line}");
            return line[start..at];
        }
    }

    static string Unescape(string text, char quote)
    {
        var plain = "";
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                plain += text[i];
                continue;
            }

            var next = text[++i];
            Assert.True(next is '\\' or 'n' || next == quote, $"\\{next} is no escape");
            plain += next == 'n' ? '\n' : next;
        }

        return plain;
    }
}
