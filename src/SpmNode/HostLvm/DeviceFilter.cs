using System.Text.RegularExpressions;

namespace OvirtSpm.Node.HostLvm;

/// <summary>lvm2's <c>global_filter</c>: which devices it opens.</summary>
static class DeviceFilter
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Rejects exactly this name.</summary>
    public static string Rejecting(string name) => $"r|^{Regex.Replace(name, "[.+]", "[$0]")}$|";

    /// <summary>Names that need nothing but that to stand in a pattern, and in lvm2's quotes.</summary>
    public static bool CanBeNamed(string name) => name.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '.' or ':' or '+' or '=' or '@' or ',');

    /// <summary>
    /// lvm2 goes through a device's names; the first pattern that matches a name decides for that name. One accepted name is enough for
    /// the device; without one, one rejected name keeps it closed.
    /// </summary>
    /// <returns>Whether it stays closed, and the pattern and name that open it although another name is rejected or none is.</returns>
    public static (bool Rejected, string? AcceptedBy, string? AcceptedName) Judge(IReadOnlyList<string> patterns, IReadOnlyList<string> names)
    {
        var rejected = false;
        foreach (var name in names)
        {
            if (patterns.FirstOrDefault(pattern => Matches(pattern, name)) is not { } first)
            {
                continue;
            }
            if (first[0] == 'a')
            {
                return (false, first, name);
            }
            rejected = true;
        }
        return (rejected, null, null);
    }

    static bool Matches(string pattern, string name)
    {
        var end = pattern.Length > 2 ? pattern.LastIndexOf(Closing(pattern[1])) : -1;
        try
        {
            return end > 1 && pattern[0] is 'a' or 'r' && Regex.IsMatch(name, pattern[2..end], RegexOptions.CultureInvariant, Patience);
        }
        catch (ArgumentException)
        {
            throw Refusal.Invalid($"the pattern '{pattern}' in devices/global_filter cannot be read here; nothing is changed. Look at it with lvmconfig devices/global_filter.");
        }
    }

    static char Closing(char open) => open switch { '(' => ')', '[' => ']', '{' => '}', _ => open };
}
