using System.Globalization;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Reads typed values out of a slot's lines and remembers the first that is missing or wrong.</summary>
internal sealed class SlotFields(SortedDictionary<string, string> lines)
{
    public SlotError Error { get; private set; }

    public string Key { get; private set; } = "";

    public string Text(string key)
    {
        if (lines.TryGetValue(key, out var value))
        {
            return value;
        }

        Fail(SlotError.MissingKey, key);
        return "";
    }

    public long Number(string key, long largest)
    {
        if (long.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= largest)
        {
            return number;
        }

        Fail(SlotError.BadValue, key);
        return 0;
    }

    public long NumberOr(string key, long largest, long otherwise) => lines.ContainsKey(key) ? Number(key, largest) : otherwise;

    public Guid Uuid(string key)
    {
        if (Guid.TryParseExact(Text(key), "D", out var uuid))
        {
            return uuid;
        }

        Fail(SlotError.BadValue, key);
        return default;
    }

    public T Word<T>(string key) where T : struct, Enum
    {
        var text = Text(key);
        foreach (var value in Enum.GetValues<T>())
        {
            if (SlotText.Word(value) == text)
            {
                return value;
            }
        }

        Fail(SlotError.BadValue, key);
        return default;
    }

    private void Fail(SlotError error, string key)
    {
        if (Error == SlotError.None)
        {
            (Error, Key) = (error, key);
        }
    }
}
