namespace OvirtSpm.Node.Linux;

/// <summary>Which machine this is: survives reboots, differs between machines that were not cloned.</summary>
/// <remarks>R30: part of the name under which a host holds its id, so that a cloned machine is noticed.</remarks>
public static class MachineId
{
    static readonly string[] SystemPaths = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

    /// <param name="stateDirectory">Where an id is kept for a system that has none (containers, tiny distributions); created if missing.</param>
    /// <exception cref="IOException">Neither the system nor the state directory has a usable id.</exception>
    public static Guid Read(string stateDirectory) => Read(SystemPaths, stateDirectory);

    /// <summary>For whoever keeps no state: on a system without an id it is another machine each time, and nobody follows it without the long wait.</summary>
    public static Guid ReadOrRandom() => ReadOrRandom(SystemPaths);

    internal static Guid ReadOrRandom(IEnumerable<string> systemPaths) => systemPaths.Select(TryRead).FirstOrDefault(id => id is not null) ?? Guid.NewGuid();

    internal static Guid Read(IEnumerable<string> systemPaths, string stateDirectory)
    {
        foreach (var path in systemPaths)
        {
            if (TryRead(path) is { } id)
            {
                return id;
            }
        }

        var own = Path.Combine(stateDirectory, "machine-id");
        if (TryRead(own) is { } kept)
        {
            return kept;
        }

        // A damaged id of ours is not replaced: another name on the LUN would make this machine a stranger to its own lease.
        // Read again first: a node that starts beside this one may have made it just now.
        if (File.Exists(own) && new FileInfo(own).Length > 0)
        {
            return TryRead(own)
                ?? throw new IOException($"{own} does not hold a machine id (32 hexadecimal digits). Restore it, or remove it while no node runs here.");
        }

        return Create(own);
    }

    static Guid Create(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var draft = $"{path}.{Guid.NewGuid():N}";
            using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                file.Write(System.Text.Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N") + "\n"));
                file.Flush(flushToDisk: true);
            }

            // Two nodes that start together must agree: the first name wins, and both read it back. A link never replaces, a move may.
            var linked = Libc.link(draft, path) == 0;
            File.Delete(draft);
            if (!linked && !File.Exists(path))
            {
                throw new IOException("the file cannot be put in its place.");
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"This system has no /etc/machine-id, and none can be kept in {path}: {problem.Message} Run systemd-machine-id-setup, or make the directory writable.", problem);
        }

        return TryRead(path) ?? throw new IOException($"{path} was written but does not read back as a machine id. Remove it and start again.");
    }

    static Guid? TryRead(string path)
    {
        try
        {
            using var file = new StreamReader(path);
            Span<char> start = stackalloc char[64];
            var text = start[..file.ReadBlock(start)].Trim();
            return Guid.TryParseExact(text, "N", out var id) && id != Guid.Empty ? id : null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
