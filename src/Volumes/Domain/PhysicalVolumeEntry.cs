using System.Globalization;

namespace OvirtSpm.Volumes.Domain;

/// <summary>What the domain's tags say of one physical volume: the value of <c>PV0</c>, <c>PV1</c> …</summary>
/// <param name="Guid">The LUN's name, e.g. its WWID: no comma in it.</param>
/// <param name="Uuid">The LVM uuid with hyphens.</param>
/// <param name="StartExtent">0 for every domain of version 2 and later.</param>
/// <param name="ExtentCount">Extents of this physical volume.</param>
/// <param name="MapOffset">Where its extents begin in a domain-wide count: the sum of the counts before it.</param>
public sealed record PhysicalVolumeEntry(string Guid, string Uuid, long StartExtent, long ExtentCount, long MapOffset)
{
    public string Format() => string.Create(
        CultureInfo.InvariantCulture, $"pv:{Guid},uuid:{Uuid},pestart:{StartExtent},pecount:{ExtentCount},mapoffset:{MapOffset}");

    public static bool TryParse(string text, out PhysicalVolumeEntry? entry)
    {
        entry = null;
        string? guid = null, uuid = null;
        long start = -1, count = -1, offset = -1;
        foreach (var part in text.Split(','))
        {
            var colon = part.IndexOf(':');
            if (colon < 0)
            {
                return false;
            }

            var value = part[(colon + 1)..];
            var known = part[..colon] switch
            {
                "pv" => (guid = value).Length > 0,
                "uuid" => (uuid = value).Length > 0,
                "pestart" => TryNumber(value, out start),
                "pecount" => TryNumber(value, out count),
                "mapoffset" => TryNumber(value, out offset),
                _ => false,
            };
            if (!known)
            {
                return false;
            }
        }

        if (guid is null || uuid is null || start < 0 || count < 0 || offset < 0)
        {
            return false;
        }

        entry = new PhysicalVolumeEntry(guid, uuid, start, count, offset);
        return true;
    }

    private static bool TryNumber(string text, out long number)
    {
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number))
        {
            return true;
        }

        number = -1;
        return false;
    }
}
