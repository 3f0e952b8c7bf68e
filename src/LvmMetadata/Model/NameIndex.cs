using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Volumes by name; immutable. A shared table as it was read, and the few changes since.</summary>
/// <remarks>
/// A persistent tree alone took a third of the time of reading ten thousand volumes. The changes are folded into a new table
/// when there are many, so that a lookup stays two short steps.
/// </remarks>
internal sealed class NameIndex
{
    private const int FoldAt = 2048;

    private readonly Dictionary<string, LogicalVolume> read;
    private readonly ImmutableDictionary<string, LogicalVolume?> changed;

    private NameIndex(Dictionary<string, LogicalVolume> read, ImmutableDictionary<string, LogicalVolume?> changed)
    {
        this.read = read;
        this.changed = changed;
    }

    /// <param name="volumes">Never changed afterwards.</param>
    public static NameIndex Of(Dictionary<string, LogicalVolume> volumes) => new(volumes, ImmutableDictionary<string, LogicalVolume?>.Empty);

    public LogicalVolume? Find(string name) =>
        !changed.IsEmpty && changed.TryGetValue(name, out var volume) ? volume : read.GetValueOrDefault(name);

    /// <param name="volume">Null removes the name.</param>
    public NameIndex With(string name, LogicalVolume? volume)
    {
        var next = changed.SetItem(name, volume);
        if (next.Count < FoldAt)
        {
            return new NameIndex(read, next);
        }
        var folded = new Dictionary<string, LogicalVolume>(read);
        foreach (var (key, value) in next)
        {
            if (value is null)
            {
                folded.Remove(key);
            }
            else
            {
                folded[key] = value;
            }
        }
        return Of(folded);
    }
}
