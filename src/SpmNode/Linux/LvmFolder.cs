using OvirtSpm.Node.HostLvm;

namespace OvirtSpm.Node.Linux;

/// <summary><c>/etc/lvm</c>, and the names of devices.</summary>
sealed class LvmFolder(string root)
{
    string Folder => Path.Combine(root, "etc/lvm");

    public string Local => Path.Combine(Folder, "lvmlocal.conf");

    /// <summary>What the file was before the first change.</summary>
    public string Backup => Local + ".before-spm";

    /// <exception cref="Refusal">There is no lvm2 here, or the file is no plain file.</exception>
    public HostFiles Read()
    {
        if (!Directory.Exists(Folder))
        {
            throw Refusal.NotFound($"{Folder} is not there: no lvm2 on this host that could open a LUN. Nothing is to be done, or --root is wrong.");
        }
        if (File.Exists(Local) && (File.GetAttributes(Local) & FileAttributes.ReparsePoint) != 0)
        {
            throw Refusal.Conflict($"{Local} is a link; it is not followed and not replaced. Change what it names with the tool that made it.");
        }
        return new HostFiles(Bytes(Path.Combine(Folder, "lvm.conf")), Bytes(Local), Bytes(Path.Combine(Folder, "devices/system.devices")));
    }

    /// <summary>The file is seen as it was or as it becomes, also after a power cut.</summary>
    /// <param name="text">Null: the file goes.</param>
    /// <param name="keep">What it was is kept beside it, unless an earlier one is kept already.</param>
    public void Write(byte[]? text, bool keep)
    {
        if (keep && File.Exists(Local) && !File.Exists(Backup))
        {
            Put(File.ReadAllBytes(Local), Backup, File.GetUnixFileMode(Local));
        }
        if (text is null)
        {
            File.Delete(Local);
        }
        else
        {
            Put(text, Local, File.Exists(Local) ? File.GetUnixFileMode(Local) : Readable);
        }
        // Taken back exactly, the copy says nothing new.
        if (!keep && File.Exists(Backup) && text is not null && File.ReadAllBytes(Backup).AsSpan().SequenceEqual(text))
        {
            File.Delete(Backup);
        }
    }

    /// <param name="path">As a person gave it.</param>
    public static (IReadOnlyList<string> Names, IReadOnlyList<string> Stable) NamesOf(string path)
    {
        var given = Path.GetFullPath(path);
        var device = Target(given);
        List<string> names = [.. ((string[])["/dev/mapper", .. Folders()]).Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries).Where(name => Target(name) == device)];
        return ([.. names.Append(given).Append(device).Distinct()], [.. names.Append(given).Where(IsStable).Distinct().Order(StringComparer.Ordinal)]);
    }

    static IEnumerable<string> Folders() => Directory.Exists("/dev/disk") ? Directory.EnumerateDirectories("/dev/disk") : [];

    /// <summary>Named after what the device says of itself, not after the order in which it was found.</summary>
    static bool IsStable(string name) => name.Contains("/disk/by-id/", StringComparison.Ordinal) || name.StartsWith("/dev/mapper/", StringComparison.Ordinal);

    static string Target(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;

    static byte[]? Bytes(string path) => File.Exists(path) ? File.ReadAllBytes(path) : null;

    const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    static void Put(byte[] text, string target, UnixFileMode mode)
    {
        var written = $"{target}.{Guid.NewGuid():n}.part";
        try
        {
            File.WriteAllBytes(written, text);
            File.SetUnixFileMode(written, mode);
            FileReplacement.Publish(written, target, replace: true);
        }
        finally
        {
            File.Delete(written);
        }
    }
}
