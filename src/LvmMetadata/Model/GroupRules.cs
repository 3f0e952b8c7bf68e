using System.Buffers;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>What lvm2 demands of names, tags and words; measured with vgck 2.03.16.</summary>
internal static class GroupRules
{
    public const int MaxNameLength = 127;
    public const int MaxNameSum = 124;
    public const int MaxDeviceMapperName = 127;

    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+_.-");

    private static readonly SearchValues<char> TagCharacters =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+.-/=!:&#");

    private static readonly string[] ReservedPrefixes = ["pvmove", "snapshot"];

    private static readonly string[] ReservedParts =
    [
        "_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_wcorig", "_mimage", "_mlog", "_rimage", "_rmeta", "_tdata", "_tmeta",
        "_vdata", "_imeta", "_iorig", "_pmspare", "_vorigin",
    ];

    public static readonly string[] VgStatusWords = ["EXPORTED", "RESIZEABLE", "PVMOVE", "READ", "WRITE", "CLUSTERED", "SHARED"];

    public static readonly string[] PvStatusWords = ["ALLOCATABLE", "EXPORTED", "MISSING"];

    public static readonly string[] LvStatusWords =
        ["READ", "WRITE", "FIXED_MINOR", "VISIBLE", "PVMOVE", "LOCKED", "NOTSYNCED", "REBUILD", "WRITEMOSTLY"];

    /// <returns>What is wrong with a group's or volume's name, or null.</returns>
    public static string? NameProblem(string name) =>
        name.Length is 0 or > MaxNameLength ? $"a name has 1 to {MaxNameLength} characters, '{Short(name)}' has {name.Length}"
        : name.AsSpan().ContainsAnyExcept(NameCharacters) ? $"the name '{Short(name)}' has characters other than A-Z a-z 0-9 + _ . -"
        : name[0] == '-' || name is "." or ".." ? $"the name '{name}' may not begin with a hyphen, nor be . or .."
        : null;

    /// <returns>What is wrong with giving a new volume this name, or null.</returns>
    public static string? NewVolumeNameProblem(string group, string name)
    {
        if (NameProblem(name) is { } problem)
        {
            return problem;
        }
        if (ReservedPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))
            || ReservedParts.Any(part => name.Contains(part, StringComparison.Ordinal)))
        {
            return $"the name '{name}' is reserved for lvm2's internal volumes; choose another";
        }
        return PairProblem(group, name);
    }

    /// <summary>lvm2 checks the sum, nobody checks that the device's name fits the kernel: we do.</summary>
    public static string? PairProblem(string group, string volume) =>
        group.Length + volume.Length > MaxNameSum
            ? $"the names of group and volume together have more than {MaxNameSum} characters: '{group}' and '{volume}'"
            : group.Length + volume.Length + 1 + Hyphens(group) + Hyphens(volume) > MaxDeviceMapperName
                ? $"the device-mapper name of '{group}' and '{volume}' would have more than {MaxDeviceMapperName} characters (hyphens count twice)"
                : null;

    public static string? TagProblem(string tag) =>
        tag.Length == 0 ? "a tag may not be empty"
        : tag.Length > 4096 ? $"the tag '{Short(tag)}' has more than 4096 characters"
        : tag.AsSpan().ContainsAnyExcept(TagCharacters) ? $"the tag '{Short(tag)}' has characters other than A-Z a-z 0-9 _ + . - / = ! : & #"
        : null;

    public static string? UnknownWord(IEnumerable<string> words, string[] known) =>
        words.FirstOrDefault(word => !known.Contains(word));

    public static string Short(string text) => text.Length <= 60 ? text : text[..57] + "...";

    private static int Hyphens(string text) => text.AsSpan().Count('-');
}
