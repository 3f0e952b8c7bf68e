namespace OvirtSpm.Node.Demo;

/// <summary>Finds what a killed run left behind and removes exactly that.</summary>
/// <remarks>
/// A process is a leftover when the environment it was started with names a run directory of ours whose owner is dead: nothing but that run
/// ever writes that path there. Loop devices need no search: they are opened so that the kernel detaches them with their last user.
/// </remarks>
static class Leftovers
{
    /// <summary>A directory without an owner may be one that is being made right now; after this long it is not.</summary>
    static readonly TimeSpan Newborn = TimeSpan.FromMinutes(1);

    /// <param name="told">One line for each thing removed.</param>
    public static void Remove(Action<string> told)
    {
        foreach (var directory in RunDirectory.Places().SelectMany(place => Directory.EnumerateDirectories(place, RunDirectory.Prefix + "*")))
        {
            if (IsOurs(directory) && OwnerIsDead(directory))
            {
                foreach (var pid in KillChildren(directory))
                {
                    told($"killed process {pid}, left by an earlier run in {directory}");
                }
                RemoveTree(directory);
                told($"removed {directory}, left by an earlier run");
            }
        }
    }

    /// <returns>The pids of the processes that belonged to the run and were killed.</returns>
    public static IReadOnlyList<int> KillChildren(string directory)
    {
        var killed = new List<int>();
        // Again and again, since what is killed may have started something just before.
        for (var before = -1; before != killed.Count;)
        {
            before = killed.Count;
            foreach (var entry in Directory.EnumerateDirectories("/proc"))
            {
                if (int.TryParse(Path.GetFileName(entry), out var pid)
                    && pid != Environment.ProcessId
                    && BelongsTo(pid, directory)
                    && ProcessIdentity.Of(pid) is { } process
                    && process.Signal(Native.SIGKILL, same => BelongsTo(same, directory)))
                {
                    killed.Add(pid);
                    WaitForEnd(process);
                }
            }
        }
        return killed;
    }

    public static string BootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>A child may remove its own socket meanwhile; what is gone needs no removing.</summary>
    public static void RemoveTree(string directory)
    {
        for (var attempt = 0; Directory.Exists(directory); attempt++)
        {
            try
            {
                Directory.Delete(directory, recursive: true);
            }
            catch (Exception busy) when (busy is IOException or UnauthorizedAccessException && attempt < 3)
            {
                Thread.Sleep(50);
            }
        }
    }

    static bool BelongsTo(int pid, string directory) => ProcessIdentity.WasStartedWith(pid, RunDirectory.Marker, directory);

    static bool OwnerIsDead(string directory)
    {
        try
        {
            var fields = File.ReadAllText(Path.Combine(directory, RunDirectory.OwnerFile)).Split(' ', 3, StringSplitOptions.TrimEntries);
            return fields.Length == 3 && ProcessIdentity.TryParse($"{fields[0]} {fields[1]}") is { } owner
                ? fields[2] != BootId() || !owner.IsAlive
                : IsOld(directory);
        }
        catch (IOException)
        {
            return IsOld(directory);
        }
    }

    static bool IsOld(string directory) => DateTime.UtcNow - Directory.GetLastWriteTimeUtc(directory) > Newborn;

    /// <summary>The temporary directory is everybody's: a link, or another user's directory of the same name, is not looked into.</summary>
    internal static unsafe bool IsOurs(string directory)
    {
        var result = stackalloc byte[256];
        return new DirectoryInfo(directory).LinkTarget is null
            && Native.statx(Native.AT_FDCWD, directory, Native.AT_SYMLINK_NOFOLLOW, Native.STATX_UID, result) == 0
            && *(uint*)(result + 20) == Native.geteuid();
    }

    static void WaitForEnd(ProcessIdentity process)
    {
        for (var attempt = 0; process.IsAlive && attempt < 200; attempt++)
        {
            Thread.Sleep(5);
        }
    }
}
