namespace OvirtSpm.Node.Linux;

/// <summary>Which boot of the machine this is: changes with every boot, the same in every container of it.</summary>
public static class BootId
{
    public const string Path = "/proc/sys/kernel/random/boot_id";

    /// <exception cref="IOException">The kernel does not tell.</exception>
    public static Guid Read() => Read(Path);

    internal static Guid Read(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path).Trim();
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The boot id cannot be read from {path}: {problem.Message} Mount /proc; without it a reboot cannot be told from a restart.", problem);
        }

        return Guid.TryParse(text, out var id) && id != Guid.Empty
            ? id
            : throw new IOException($"{path} holds '{Excerpt.Of(text)}', which is not a boot id. Mount the kernel's own /proc.");
    }
}
