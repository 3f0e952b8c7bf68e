using System.Globalization;

namespace OvirtSpm.Volumes.Domain;

/// <summary>Reads typed values out of collected keys and remembers the first that is missing or wrong.</summary>
internal sealed class DomainFields(SortedDictionary<string, string> pairs)
{
    public DomainError Error { get; private set; }

    public string Where { get; private set; } = "";

    public void Fail(DomainError error, string key)
    {
        if (Error == DomainError.None)
        {
            (Error, Where) = (error, key);
        }
    }

    public string TextOr(string key, string otherwise) => pairs.GetValueOrDefault(key, otherwise);

    public string Text(string key)
    {
        if (pairs.TryGetValue(key, out var value))
        {
            return value;
        }

        Fail(DomainError.MissingKey, key);
        return "";
    }

    public long Number(string key, long smallest, long largest)
    {
        if (long.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= smallest && number <= largest)
        {
            return number;
        }

        Fail(DomainError.BadValue, key);
        return 0;
    }

    public int NumberOr(string key, int otherwise) => pairs.ContainsKey(key) ? (int)Number(key, 0, int.MaxValue) : otherwise;

    public Guid Uuid(string key)
    {
        if (Guid.TryParseExact(Text(key), "D", out var uuid))
        {
            return uuid;
        }

        Fail(DomainError.BadValue, key);
        return default;
    }

    /// <summary>Empty or absent when unattached. A list of several pools belongs to domains kinds that block storage never had.</summary>
    public Guid? Pool(string key) => TextOr(key, "") is "" ? null : Uuid(key);

    public EquatableList<PhysicalVolumeEntry> PhysicalVolumes(out HashSet<string> used)
    {
        used = [];
        var entries = new List<PhysicalVolumeEntry>();
        for (var i = 0; pairs.TryGetValue("PV" + i.ToString(CultureInfo.InvariantCulture), out var text); i++)
        {
            var key = "PV" + i.ToString(CultureInfo.InvariantCulture);
            used.Add(key);
            if (PhysicalVolumeEntry.TryParse(text, out var entry))
            {
                entries.Add(entry!);
            }
            else
            {
                Fail(DomainError.BadValue, key);
            }
        }

        return new([.. entries]);
    }
}
