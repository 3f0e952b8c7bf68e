using System.Globalization;

namespace OvirtSpm.Volumes.Journal;

/// <summary>R24: names one request for good: who asks, in which life of the asking program, its how-manieth.</summary>
/// <param name="Host">The asking host's id; 0 for a person's command.</param>
/// <param name="Life">Drawn when the asking program starts: its counter begins again then.</param>
/// <param name="Counter">From 1.</param>
public readonly record struct RequestId(int Host, Guid Life, ulong Counter)
{
    /// <summary>Whoever counts: one host in one life.</summary>
    public (int Host, Guid Life) Asker => (Host, Life);

    public bool IsValid => Host is >= 0 and <= ushort.MaxValue && Life != Guid.Empty && Counter > 0;

    /// <summary><c>3.0f8fad5bd9cb469fa16570867728950e.17</c></summary>
    public static bool TryParse(string? text, out RequestId id)
    {
        id = default;
        if (text?.Split('.') is not [var host, var life, var counter]
            || !int.TryParse(host, NumberStyles.None, CultureInfo.InvariantCulture, out var hostId)
            || !Guid.TryParseExact(life, "N", out var drawn)
            || !ulong.TryParse(counter, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        id = new RequestId(hostId, drawn, number);
        return id.IsValid;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}.{Life:N}.{Counter}");
}
