namespace OvirtSpm.Monitor.Watermark;

/// <summary>A volume of a pool, by its uuids.</summary>
public readonly record struct VolumeKey(Guid Domain, Guid Volume)
{
    /// <summary>Reads the key from the socket an active volume is served on: <c>…/&lt;domain&gt;/&lt;volume&gt;.sock</c>.</summary>
    public static VolumeKey? FromSocketPath(string path)
    {
        const string Suffix = ".sock";
        var parts = path.Split('/');
        return parts.Length >= 2
            && parts[^1].EndsWith(Suffix, StringComparison.Ordinal)
            && Guid.TryParseExact(parts[^1][..^Suffix.Length], "D", out var volume)
            && Guid.TryParseExact(parts[^2], "D", out var domain)
            ? new VolumeKey(domain, volume)
            : null;
    }

    public override string ToString() => $"{Domain:D}/{Volume:D}";
}
