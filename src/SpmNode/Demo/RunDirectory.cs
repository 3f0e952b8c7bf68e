using System.Security.Cryptography;

namespace OvirtSpm.Node.Demo;

/// <summary>Everything a run leaves in the file system while it runs: sockets, states, and its data unless that is kept.</summary>
/// <remarks>
/// Lives directly in a temporary directory under a name that <see cref="Leftovers"/> finds. Its file <c>owner</c> names the process and
/// the boot; its children carry <see cref="Marker"/> with the directory's path in the environment they were started with.
/// </remarks>
sealed class RunDirectory : IDisposable
{
    public const string Prefix = "spm-demo-";
    public const string OwnerFile = "owner";

    /// <summary>Environment variable of every child: which run it belongs to.</summary>
    public const string Marker = "SPM_DEMO_RUN";

    /// <summary>A Unix socket's path is short, a node takes 103 bytes of it: <c>/N/</c>, a uuid, <c>/</c>, a uuid and <c>.sock</c> follow.</summary>
    const int LongestPath = 22;

    const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    readonly List<string> temporary = [];

    RunDirectory(string path, string data) => (Path, Data) = (path, data);

    /// <summary>Sockets and states of nodes.</summary>
    public string Path { get; }

    /// <summary>The LUN and the logs.</summary>
    public string Data { get; }

    /// <summary>Where runs may be, the preferred place first.</summary>
    public static IEnumerable<string> Places()
    {
        var chosen = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetTempPath());
        return new[] { chosen, "/tmp", "/var/tmp" }.Distinct().Where(Directory.Exists);
    }

    /// <param name="keep">The data stays there; null: it goes to the temporary directory and is removed.</param>
    /// <exception cref="Refusal">A kept directory that already holds a LUN, or too little space.</exception>
    public static RunDirectory Create(string? keep, long neededBytes)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw Refusal.Unavailable("this starts and ends processes in ways that only Linux offers: run it on Linux.");
        }
        var name = UnusedName();
        var place = Places().FirstOrDefault(place => place.Length + 1 + name.Length <= LongestPath)
            ?? throw Refusal.Unavailable("no temporary directory has a short enough path: create /tmp, since the paths of Unix sockets are limited.");
        var path = System.IO.Path.Combine(place, name);
        // A TMPDIR with a long path is taken for what it was set for, the data.
        var run = new RunDirectory(path, keep is null ? System.IO.Path.Combine(Places().First(), name) : System.IO.Path.GetFullPath(keep));
        try
        {
            run.Make(path);
            if (keep is null && run.Data != path)
            {
                run.Make(run.Data);
            }
            run.CheckData(neededBytes);
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>A short path: for sockets and for what is removed in any case.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    public string Log(string name) => System.IO.Path.Combine(Data, name + ".log");

    public void Dispose() => temporary.ForEach(Leftovers.RemoveTree);

    static string UnusedName()
    {
        while (true)
        {
            var name = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3));
            if (!Places().Any(place => Directory.Exists(System.IO.Path.Combine(place, name))))
            {
                return name;
            }
        }
    }

    void Make(string directory)
    {
        Directory.CreateDirectory(directory, Private);
        temporary.Add(directory);
        File.WriteAllText(System.IO.Path.Combine(directory, OwnerFile), $"{ProcessIdentity.Own} {Leftovers.BootId()}\n");
    }

    void CheckData(long neededBytes)
    {
        if (File.Exists(System.IO.Path.Combine(Data, "lun")))
        {
            throw Refusal.Conflict($"{Data} already holds the LUN of an earlier run: remove it or name another directory with --keep.");
        }
        Directory.CreateDirectory(Data);
        var free = new DriveInfo(Data).AvailableFreeSpace;
        if (free < neededBytes)
        {
            throw Refusal.NoSpace($"{Data} has {free >> 20} MiB free and {neededBytes >> 20} are needed: "
                + "make room, or set TMPDIR (or --keep) to a directory on a larger file system.");
        }
    }
}
