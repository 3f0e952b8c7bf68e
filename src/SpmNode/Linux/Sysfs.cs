namespace OvirtSpm.Node.Linux;

/// <summary>What the kernel says of its devices, a value in each file.</summary>
static class Sysfs
{
    /// <summary>Before the WWID in the uuid of a multipath device.</summary>
    public const string Multipath = "mpath-";

    /// <returns>Null when there is no such file, or it cannot be read.</returns>
    public static string? Text(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="device">Its directory.</param>
    /// <returns>The name that the LUN has for itself; null when it is no multipath device.</returns>
    public static string? MultipathWwid(string device) =>
        Text($"{device}/dm/uuid") is { } uuid && uuid.StartsWith(Multipath, StringComparison.Ordinal) ? uuid[Multipath.Length..] : null;

    /// <summary>Where a multipath device is opened.</summary>
    public static string MapperPath(string device) => "/dev/mapper/" + Text($"{device}/dm/name");
}
