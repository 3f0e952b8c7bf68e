using System.IO.Compression;
using System.Text.Json;

namespace LvmMetadata.Tests.Support;

/// <summary>One folder of Fixtures: devices as the real tool left them.</summary>
public sealed class FixtureFolder(string name)
{
    private static readonly string Base = Path.Combine(AppContext.BaseDirectory, "Fixtures");

    public static readonly string[] All =
        Directory.GetDirectories(Base).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).ToArray();

    public string Name => name;

    public JsonElement Manifest { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(Base, name, "manifest.json"))).RootElement;

    public List<MemoryPv> Pvs()
    {
        var pvs = new List<MemoryPv>();
        foreach (var pv in Manifest.GetProperty("pvs").EnumerateArray())
        {
            var memory = new MemoryPv(pv.GetProperty("device_size").GetInt64(), name: pv.GetProperty("device").GetString()!);
            memory.Poke(0, Unpack(pv.GetProperty("file").GetString()!));
            foreach (var mda in pv.GetProperty("mdas").EnumerateArray())
            {
                if (mda.TryGetProperty("file", out var file))
                {
                    memory.Poke(mda.GetProperty("file_offset_on_device").GetInt64(), Unpack(file.GetString()!));
                }
            }
            pvs.Add(memory);
        }
        return pvs;
    }

    public IEnumerable<string> TextFiles() =>
        Directory.GetFiles(Path.Combine(Base, name), "*.txt.gz").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    /// <summary>Null when the fixture has none.</summary>
    public JsonElement? Report(string file) => File.Exists(Path.Combine(Base, name, file))
        ? JsonDocument.Parse(File.ReadAllText(Path.Combine(Base, name, file))).RootElement.GetProperty("report")[0]
        : null;

    public string[] Lines(string file) => File.ReadAllLines(Path.Combine(Base, name, file));

    public byte[] Unpack(string file)
    {
        using var packed = new GZipStream(File.OpenRead(Path.Combine(Base, name, file)), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        packed.CopyTo(plain);
        return plain.ToArray();
    }
}
