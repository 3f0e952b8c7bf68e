using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A group as a file holds it: a text from the disk, or what <c>vgcfgbackup</c> writes.</summary>
/// <remarks>
/// On the disk the group stands first; in a backup contents, version and description do, and the group's lines are indented and
/// commented. Nothing of either is lost: unknown keys, white space and comments inside the group are kept as they are.
/// </remarks>
public static class BackupText
{
    /// <returns>What is wrong, or null.</returns>
    public static string? TryRead(ReadOnlyMemory<byte> file, out VolumeGroup? group)
    {
        if (VolumeGroup.TryParse(file, out group) is not { } asOnDisk)
        {
            return null;
        }
        if (ConfigTree.TryParse(file, out var parsed) is { } error)
        {
            return error.ToString();
        }
        using var tree = parsed!;
        var sections = new List<int>();
        var around = new ConfigWriter();
        for (var node = tree[ConfigTree.Root].FirstChild; node != 0; node = tree[node].Next)
        {
            if (tree.IsSection(node))
            {
                sections.Add(node);
                continue;
            }
            around.Raw("\n"u8).Raw(tree.Source.Span[tree[node].Name..tree[node].End]);
        }
        if (sections is not [var vg])
        {
            return sections.Count == 0 ? asOnDisk : $"{sections.Count} volume groups are in it; give a backup of one";
        }
        var text = new ConfigWriter().Raw(tree.Source.Span[tree[vg].Name..tree[vg].End]).Raw("\n"u8).Raw(around.Written).Raw("\n"u8);
        return VolumeGroup.TryParse(text.ToArray(), out group);
    }
}
