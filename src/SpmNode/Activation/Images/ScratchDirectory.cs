using OvirtSpm.Node.Demo;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>A directory for one piece of work, mode 0700, gone with it; the next program that looks removes what a killed one left.</summary>
/// <remarks>
/// A lock on a file in it says that it is in use: the kernel gives it back however the process ends, and it counts in every container that
/// sees the directory, where a pid would not.
/// </remarks>
sealed class ScratchDirectory : IDisposable
{
    const string LockName = "lock";
    const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>One without a lock may be one that is being made right now; after this long it is not.</summary>
    static readonly TimeSpan Newborn = TimeSpan.FromMinutes(1);

    readonly FileStream inUse;

    ScratchDirectory(string path, FileStream inUse) => (Path, this.inUse) = (path, inUse);

    public string Path { get; }

    /// <param name="root">Where it is made.</param>
    /// <param name="prefix">Short where sockets go into it: their paths have 103 bytes, and two uuids may be in them already.</param>
    public static ScratchDirectory Create(string root, string prefix, string suffix = "")
    {
        while (true)
        {
            var path = System.IO.Path.Combine(root, prefix + Guid.NewGuid().ToString("N")[..8] + suffix);
            Directory.CreateDirectory(path, Private);
            if (TryLock(path, FileMode.CreateNew) is { } inUse)
            {
                return new ScratchDirectory(path, inUse);
            }
            // Somebody who removes leftovers came between the file and its lock, and has the directory now.
        }
    }

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        Leftovers.RemoveTree(Path);
        inUse.Dispose();
    }

    /// <summary>Ends what still works in directories of dead programs, and removes them. Other users' are left alone.</summary>
    public static void RemoveLeftovers(string root, string prefix, string suffix = "")
    {
        foreach (var directory in Directory.GetDirectories(root, $"{prefix}*{suffix}").Where(Leftovers.IsOurs))
        {
            try
            {
                using var inUse = TryLock(directory, FileMode.Open);
                if (inUse is not null || IsAbandoned(directory))
                {
                    EndTools(directory);
                    Leftovers.RemoveTree(directory);
                }
            }
            catch (Exception stays) when (stays is IOException or UnauthorizedAccessException)
            {
                // No reason to refuse what was asked for: the next one tries again.
            }
        }
    }

    /// <returns>Null when somebody else has it, or it is gone.</returns>
    static FileStream? TryLock(string directory, FileMode mode)
    {
        var path = System.IO.Path.Combine(directory, LockName);
        FileStream? file = null;
        try
        {
            file = new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, 1);
            // Removed between our opening and our lock: the lock would be on nothing.
            if (File.Exists(path))
            {
                return file;
            }
        }
        catch (IOException)
        {
            // In use, or gone.
        }
        file?.Dispose();
        return null;
    }

    static bool IsAbandoned(string directory)
    {
        try
        {
            return !File.Exists(System.IO.Path.Combine(directory, LockName)) && DateTime.UtcNow - Directory.GetLastWriteTimeUtc(directory) > Newborn;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Its sockets are in the command lines of QEMU's tools; nobody else's program is ended for a name.</summary>
    static void EndTools(string directory)
    {
        bool IsTool(int pid)
        {
            try
            {
                var words = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
                return System.IO.Path.GetFileName(words[0]) is "qemu-img" or "qemu-storage-daemon" or "setpriv"
                    && words.Any(word => word.Contains(directory + "/", StringComparison.Ordinal));
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }

        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(System.IO.Path.GetFileName(entry), out var pid) && IsTool(pid) && ProcessIdentity.Of(pid) is { } tool)
            {
                tool.Signal(Native.SIGKILL, IsTool);
            }
        }
    }
}
