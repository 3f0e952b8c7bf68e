namespace OvirtSpm.Node.LeaseService;

/// <summary>Names of leases, as users may give them.</summary>
static class UserLeaseName
{
    /// <exception cref="Refusal">It is no such name.</exception>
    public static string Checked(string name) =>
        name.Length is >= 1 and <= 48 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? name
            : throw Refusal.Invalid($"'{name}' cannot name a lease: 1 to 48 letters, digits, '-', '_' and '.' are needed.");
}
