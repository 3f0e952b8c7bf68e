namespace OvirtSpm.LvmMetadata.Text;

/// <summary>What a file such as <c>lvm.conf</c> sets.</summary>
public sealed class LvmSettings
{
    private readonly Dictionary<string, IReadOnlyList<string>> values = new(StringComparer.Ordinal);

    private LvmSettings()
    {
    }

    /// <returns>What lvm2 would not read either, and where; null when it does.</returns>
    public static string? TryParse(ReadOnlyMemory<byte> text, out LvmSettings settings)
    {
        settings = new LvmSettings();
        if (ConfigTree.TryParse(text, out var parsed) is { } error)
        {
            return error.ToString();
        }
        using var tree = parsed!;
        settings.Collect(tree, ConfigTree.Root, "");
        return null;
    }

    /// <param name="name">Section and key, as in <c>devices/global_filter</c>.</param>
    /// <returns>Null when the file does not set it; numbers as they are written.</returns>
    public IReadOnlyList<string>? Find(string name) => values.GetValueOrDefault(name);

    private void Collect(ConfigTree tree, int section, string prefix)
    {
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            var name = prefix + tree.NameText(node);
            if (tree.IsSection(node))
            {
                Collect(tree, node, name + "/");
                continue;
            }
            var list = new List<string>();
            for (var element = tree[node].FirstChild; element != 0; element = tree[element].Next)
            {
                list.Add(tree.TryScalarString(element, out var text) ? text : System.Text.Encoding.UTF8.GetString(tree.Name(element)));
            }
            // What is said twice is said by the last one, as lvm2 has it.
            values[name] = list;
        }
    }
}
