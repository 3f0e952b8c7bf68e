using System.Text;

namespace OvirtSpm.Lab.Boot;

/// <summary>The modules of an unpacked kernel package, in an order in which they can be loaded.</summary>
/// <remarks>Debian's package brings no modules.dep: each module names what it needs in its section .modinfo, as "depends=a,b".</remarks>
internal sealed class KernelModules(string directory)
{
    private readonly Dictionary<string, string> _files = Directory.EnumerateFiles(directory, "*.ko", SearchOption.AllDirectories)
        .ToDictionary(file => NameOf(Path.GetFileNameWithoutExtension(file)));

    /// <returns>Paths; what a module needs comes before it. What the kernel has built in has no file and is left out.</returns>
    public IReadOnlyList<string> InOrder(IEnumerable<string> wanted)
    {
        var order = new List<string>();
        foreach (var name in wanted)
        {
            Add(NameOf(name), order);
        }

        return order;
    }

    private void Add(string name, List<string> order)
    {
        if (!_files.TryGetValue(name, out var file) || order.Contains(file))
        {
            return;
        }

        foreach (var needed in NeededBy(file))
        {
            Add(NameOf(needed), order);
        }

        order.Add(file);
    }

    private static string[] NeededBy(string file)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(file), key = "\0depends="u8;
        var at = bytes.IndexOf(key);
        if (at < 0)
        {
            return [];
        }

        var rest = bytes[(at + key.Length)..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]).Split(',', StringSplitOptions.RemoveEmptyEntries);
    }

    private static string NameOf(string module) => module.Replace('-', '_');
}
