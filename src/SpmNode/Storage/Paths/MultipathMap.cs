using System.Globalization;

namespace OvirtSpm.Node.Storage.Paths;

/// <summary>A multipath device as the kernel has it.</summary>
/// <param name="Queues">Without a usable path I/O waits now; else it fails at once.</param>
sealed record MultipathMap(string Name, string Wwid, IReadOnlyList<LunPath> Paths, bool Queues)
{
    public int Usable => Paths.Count(path => path.IsUsable);

    public int Failed => Paths.Count - Usable;

    /// <param name="table">Parameters of the target, from its table.</param>
    /// <param name="status">The same, from its status.</param>
    /// <param name="nameOf">Number of a device to its name.</param>
    /// <remarks><code>
    /// table   features: count, words (queue_if_no_path)   …
    /// status  features: count, words   hardware handler: count, words   groups   next group
    ///         each group: state, selector's count and words, paths, words per path; each path: number, A or F, failures, its words
    /// </code>As 6.1 prints them, see MultipathMapTests.</remarks>
    /// <returns>Null when it is not of this shape.</returns>
    public static MultipathMap? Parse(string name, string wwid, string table, string status, Func<string, string> nameOf)
    {
        try
        {
            var words = new Words(status);
            words.Skip(words.Count());
            words.Skip(words.Count());
            var paths = new List<LunPath>();
            var groups = words.Count();
            words.Skip(1);
            for (var group = 0; group < groups; group++)
            {
                words.Skip(1);
                words.Skip(words.Count());
                var (count, each) = (words.Count(), words.Count());
                for (var path = 0; path < count; path++)
                {
                    var number = words.Next();
                    paths.Add(new LunPath(number, nameOf(number), words.Next() == "A", words.Count()));
                    words.Skip(each);
                }
            }
            var features = new Words(table);
            return new MultipathMap(name, wwid, paths, features.Take(features.Count()).Contains("queue_if_no_path"));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    sealed class Words(string line)
    {
        readonly Queue<string> left = new(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        public string Next() => left.TryDequeue(out var word) ? word : throw new FormatException(line);

        public int Count() => int.Parse(Next(), NumberStyles.None, CultureInfo.InvariantCulture);

        public IReadOnlyList<string> Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

        public void Skip(int count) => Take(count);
    }
}
