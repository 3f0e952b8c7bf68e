using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Tags keep the order in which they came; none is there twice.</summary>
internal static class TagSet
{
    public static ImmutableArray<string> Change(ImmutableArray<string> tags, IEnumerable<string> remove, IEnumerable<string> add)
    {
        var gone = remove.ToHashSet();
        var next = tags.Where(tag => !gone.Contains(tag)).ToList();
        foreach (var tag in add)
        {
            if (!next.Contains(tag))
            {
                next.Add(tag);
            }
        }
        return [.. next];
    }
}
