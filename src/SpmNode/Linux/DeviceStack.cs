namespace OvirtSpm.Node.Linux;

/// <summary>What a device lies on, as the kernel tells it: the disk of a partition, what device-mapper and md are made of, the file behind a loop device.</summary>
/// <param name="sysfs">Another tree in its place, for tests.</param>
sealed class DeviceStack(string sysfs = "/sys")
{
    /// <summary>Deeper than anybody stacks; a guard, since the tree changes while it is read.</summary>
    const int Deepest = 32;

    /// <summary>Why the one must not be used beside the other; null when it may.</summary>
    /// <remarks>
    /// A device that lies on another one of the same domain is made of its extents: what is written there is written over volumes, and a volume
    /// that came to lie there would lie on itself. The same disk under another name is no such thing; its label tells.
    /// </remarks>
    public string? Overlap(string path, string other)
    {
        var (mine, its) = (Below(path), Below(other));
        if (mine.Count == 0 || its.Count == 0 || mine[0].Identity == its[0].Identity)
        {
            return null;
        }
        return mine.Any(layer => layer.Identity == its[0].Identity) ? $"it lies on {other}, a device of this domain"
            : its.Any(layer => layer.Identity == mine[0].Identity) ? $"{other}, a device of this domain, lies on it"
            // Partitions of one disk are apart; loop devices over one file are wherever each was told to be.
            : mine.Any(layer => layer.IsFile && its.Contains(layer)) ? $"it lies on the same file as {other}, a device of this domain"
            : null;
    }

    /// <summary>The multipath device that a path belongs to; null when it is none of its paths.</summary>
    public string? MultipathOver(string path)
    {
        try
        {
            if (Identity(path) is not ("device", var number))
            {
                return null;
            }
            return Directory.GetDirectories($"{sysfs}/dev/block/{number}/holders")
                .Where(holder => Sysfs.MultipathWwid(holder) is not null).Select(Sysfs.MapperPath).FirstOrDefault();
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return null; // no sysfs, or no holders
        }
    }

    /// <summary>Itself first.</summary>
    List<Layer> Below(string path)
    {
        var layers = new List<Layer>();
        Add(layers, Identity(path));
        return layers;
    }

    void Add(List<Layer> layers, (string Kind, string Number)? what)
    {
        if (what is not { } found || layers.Count == Deepest || layers.Any(layer => layer.Identity == found))
        {
            return;
        }
        layers.Add(new Layer(found, found.Kind == "file"));
        if (found.Kind == "file")
        {
            // What its file system lies on: numbers of no device (btrfs, overlay) lead nowhere.
            AddDevice(layers, found.Number[..found.Number.LastIndexOf(':')]);
            return;
        }
        var directory = $"{sysfs}/dev/block/{found.Number}";
        foreach (var slave in Entries($"{directory}/slaves"))
        {
            AddDevice(layers, Sysfs.Text($"{slave}/dev"));
        }
        if (File.Exists($"{directory}/partition"))
        {
            AddDevice(layers, Sysfs.Text($"{directory}/../dev"));
        }
        if (Sysfs.Text($"{directory}/loop/backing_file") is { } file)
        {
            Add(layers, Identity(file));
        }
    }

    void AddDevice(List<Layer> layers, string? number)
    {
        if (number is not null && Directory.Exists($"{sysfs}/dev/block/{number}"))
        {
            Add(layers, ("device", number));
        }
    }

    static IEnumerable<string> Entries(string directory) => Directory.Exists(directory) ? Directory.GetFileSystemEntries(directory) : [];

    static (string Kind, string Number)? Identity(string path) => DeviceOpening.IdentityOf(path).Split(' ', 2) is [("device" or "file") and var kind, var number] ? (kind, number) : null;

    readonly record struct Layer((string Kind, string Number) Identity, bool IsFile);
}
