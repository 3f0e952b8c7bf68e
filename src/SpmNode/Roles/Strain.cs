namespace OvirtSpm.Node.Roles;

/// <summary>Good and bad events of one kind, and whether they make a host sick. Pure.</summary>
/// <remarks>
/// Sick when <see cref="SickAt"/> more were bad than good; well again only when all of them are made up for. A single slow write, or
/// every second one, changes nothing, and a host does not go back and forth.
/// </remarks>
readonly record struct Strain(int Bad, bool IsSick)
{
    public const int SickAt = 4;

    public Strain After(bool bad)
    {
        var now = bad ? Math.Min(Bad + 1, SickAt) : Math.Max(Bad - 1, 0);
        return new Strain(now, now == SickAt || (IsSick && now > 0));
    }
}
