using System.Collections.Immutable;
using System.Text;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>What the parts of one group's parser share: the tree, the physical volumes, and lists seen a moment ago.</summary>
internal sealed class ParseContext(ConfigTree tree)
{
    private const int RememberedLists = 4;

    private readonly (ReadOnlyMemory<byte> Raw, ImmutableArray<string> List)[] remembered = new (ReadOnlyMemory<byte>, ImmutableArray<string>)[RememberedLists];
    private readonly Dictionary<string, string> words = [];
    private int nextRemembered;

    public ConfigTree Tree { get; } = tree;

    public string GroupName { get; init; } = "";

    public long ExtentSizeBytes { get; init; }

    public ImmutableArray<PhysicalVolume> PhysicalVolumes { get; set; } = [];

    /// <summary>Volumes that other volumes are built on: changing them alone would break those.</summary>
    public HashSet<string> ReferencedVolumes { get; } = [];

    /// <summary>Extents in use, with the volume that uses them.</summary>
    public List<UsedExtents> Used { get; } = [];

    /// <summary>A volume that uses physical extents in a way we cannot count; null when there is none.</summary>
    public string? UncountableVolume { get; set; }

    public int PvIndexOf(string name)
    {
        foreach (var pv in PhysicalVolumes)
        {
            if (pv.SectionName == name)
            {
                return pv.Index;
            }
        }
        return -1;
    }

    /// <summary>The strings of an array; a missing key is an empty list. Ten thousand equal status lists become one.</summary>
    public ImmutableArray<string> Strings(int entry)
    {
        if (entry == 0 || Tree.IsSection(entry) || Tree[entry].FirstChild == 0)
        {
            return [];
        }
        var raw = Tree.Source[Tree[entry].Body..Tree[entry].End];
        foreach (var (seen, list) in remembered)
        {
            if (seen.Length == raw.Length && seen.Span.SequenceEqual(raw.Span))
            {
                return list;
            }
        }
        var strings = ImmutableArray.CreateBuilder<string>();
        for (var element = Tree[entry].FirstChild; element != 0; element = Tree[element].Next)
        {
            if (Tree.TryScalarString(element, out var text))
            {
                strings.Add(text);
            }
        }
        var result = strings.ToImmutable();
        if (!raw.Span.Contains((byte)'='))
        {
            remembered[nextRemembered++ % RememberedLists] = (raw, result);
        }
        return result;
    }

    /// <summary>One object for each of the few words that are repeated thousands of times.</summary>
    public string Word(string text)
    {
        if (words.TryGetValue(text, out var known))
        {
            return known;
        }
        if (words.Count < 64)
        {
            words.Add(text, text);
        }
        return text;
    }

    public string Where(int node) =>
        $"line {Tree.Source.Span[..Tree[node].Name].Count((byte)'\n') + 1} ('{Encoding.UTF8.GetString(Tree.Name(node))}')";
}
