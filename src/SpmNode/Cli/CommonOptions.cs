using System.CommandLine;

namespace OvirtSpm.Node.Cli;

/// <summary>Options that mean the same on every verb.</summary>
static class CommonOptions
{
    public static Option<string> Lun() => new("--lun") { Description = "the shared LUN: a block device, or a file standing in for one" };

    public static Option<string[]> Devices(string what) => new("--device")
    {
        Description = what + ": a path, a directory, or a pattern; several times for several",
        DefaultValueFactory = _ => [],
    };

    public static Option<string> Url() => new("--url") { Description = "a node's API, e.g. http://127.0.0.1:7400" };

    public static Option<int?> SectorSize() => new("--sector-size") { Description = "for a file: 512 (default) or 4096" };

    public static Option<bool> Json() => new("--json") { Description = "print what a program reads" };

    public static Option<bool> Wait() => new("--wait")
    {
        Description = "when the SPM looks dead, wait until it is proven dead and take over",
    };

    public static Option<bool> WaitForDead() => new("--wait") { Description = "hosts that hold a host id and look dead: wait until that is proven" };

    /// <summary>What --url says, or else SPM_URL.</summary>
    public static string? UrlOf(ParseResult parsed, Option<string> url) => parsed.GetValue(url) ?? Environment.GetEnvironmentVariable("SPM_URL");

    /// <summary>As <see cref="UrlOf"/>; of the node on this host where nothing is said.</summary>
    public static string NodeUrlOf(ParseResult parsed, Option<string> url) => UrlOf(parsed, url) ?? "http://127.0.0.1:7400";

    /// <summary>Exactly one of --lun and --url.</summary>
    public static (string? Lun, string? Url) Target(ParseResult parsed, Option<string> lun, Option<string> url)
    {
        var (path, address) = (parsed.GetValue(lun), UrlOf(parsed, url));
        return (path, address) switch
        {
            (null, null) => throw Refusal.Invalid("where? Give --url of a running node, or --lun of the shared LUN."),
            (not null, _) => (path, null),
            _ => (null, address),
        };
    }
}
