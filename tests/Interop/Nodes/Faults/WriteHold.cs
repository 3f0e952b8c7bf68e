using System.Globalization;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>Holds the writes of one process to one block device back, in the kernel, until they are let go: storage that delays one host.</summary>
/// <remarks>
/// The block layer's own limit for a control group. A write that has been issued waits below the process, which cannot take it back: killed,
/// the process stays until its write has landed. Reads go on.
/// </remarks>
sealed class WriteHold : IDisposable
{
    const string Version1 = "/sys/fs/cgroup/blkio", Version2 = "/sys/fs/cgroup";

    readonly string group;
    readonly bool isVersion1;
    readonly string device;

    WriteHold(string group, bool isVersion1, string device) => (this.group, this.isVersion1, this.device) = (group, isVersion1, device);

    /// <summary>Null when this machine's kernel, or its administrator, does not allow it.</summary>
    public static WriteHold? TryCreate(string devicePath)
    {
        try
        {
            var isVersion1 = Directory.Exists(Version1);
            if (!isVersion1)
            {
                File.WriteAllText($"{Version2}/cgroup.subtree_control", "+io");
            }
            var group = Directory.CreateDirectory($"{(isVersion1 ? Version1 : Version2)}/spm-test-{Guid.NewGuid():n}").FullName;
            var hold = new WriteHold(group, isVersion1, File.ReadAllText($"/sys/class/block/{Path.GetFileName(devicePath)}/dev").Trim());
            try
            {
                hold.LetGo();
                return hold;
            }
            catch (Exception)
            {
                hold.Dispose();
                throw;
            }
        }
        catch (Exception notHere) when (notHere is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <returns>False when that process has ended.</returns>
    public bool TryAdd(int pid)
    {
        try
        {
            Write("cgroup.procs", $"{pid}");
            return true;
        }
        catch (IOException) when (!Directory.Exists($"/proc/{pid}") || Node.Demo.ProcessIdentity.Of(pid) is null)
        {
            return false;
        }
    }

    /// <summary>So many writes a second: the moments between two of them can be seen from outside.</summary>
    public void Slow(int writes) => Limit("iops", writes);

    /// <summary>A byte a second: nothing gets through any more.</summary>
    public void Hold() => Limit("bps", 1);

    /// <summary>What waits lands now.</summary>
    public void LetGo()
    {
        Limit("bps", null);
        Limit("iops", null);
    }

    public void Dispose()
    {
        try
        {
            LetGo();
            foreach (var pid in File.ReadAllLines(Path.Combine(group, "cgroup.procs")))
            {
                File.WriteAllText(Path.Combine(Path.GetDirectoryName(group)!, "cgroup.procs"), pid);
            }
            Directory.Delete(group);
        }
        catch (IOException)
        {
            // One of them ended meanwhile, or has not quite; a group without a limit does no harm.
        }
    }

    void Limit(string what, int? value)
    {
        if (isVersion1)
        {
            Write($"blkio.throttle.write_{what}_device", $"{device} {value ?? 0}");
            return;
        }
        Write("io.max", $"{device} w{what}={value?.ToString(CultureInfo.InvariantCulture) ?? "max"}");
    }

    void Write(string file, string line) => File.WriteAllText(Path.Combine(group, file), line);
}
