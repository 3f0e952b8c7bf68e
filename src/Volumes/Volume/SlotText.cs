using System.Globalization;
using System.Text;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Volume;

/// <summary>The translation between <see cref="VolumeSlot"/> and its text.</summary>
internal static class SlotText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Version 4 counts the capacity in these.</summary>
    private const int OldBlockBytes = 512;

    private static readonly string[] Known =
        ["CAP", "CTIME", "DESCRIPTION", "DISKTYPE", "DOMAIN", "FORMAT", "GEN", "IMAGE", "LEGALITY", "PUUID", "SEQ", "TYPE", "VOLTYPE"];

    public static SlotError Write(VolumeSlot slot, Span<byte> text)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(text.Length, SlotGeometry.TextBytes);
        if (slot.Description.Length > VolumeSlot.MaximumDescriptionCharacters || !IsOneLine(slot.Description))
        {
            return SlotError.BadDescription;
        }

        if (slot.CapacityBytes is < 0 or > CowSizes.LargestCapacityBytes || slot.CreatedUnixSeconds < 0 || slot.Generation is < 0 or > VolumeSlot.MaximumGeneration || !IsOneLine(slot.DiskType))
        {
            return SlotError.BadValue;
        }

        var lines = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["CAP"] = slot.CapacityBytes.ToString(CultureInfo.InvariantCulture),
            ["CTIME"] = slot.CreatedUnixSeconds.ToString(CultureInfo.InvariantCulture),
            ["DESCRIPTION"] = slot.Description,
            ["DISKTYPE"] = slot.DiskType,
            ["DOMAIN"] = slot.Domain.ToString(),
            ["FORMAT"] = Word(slot.Format),
            ["GEN"] = slot.Generation.ToString(CultureInfo.InvariantCulture),
            ["IMAGE"] = slot.Image.ToString(),
            ["LEGALITY"] = Word(slot.Legality),
            ["PUUID"] = slot.Parent.ToString(),
            ["SEQ"] = slot.Sequence.ToString(CultureInfo.InvariantCulture),
            ["TYPE"] = Word(slot.Allocation),
            ["VOLTYPE"] = Word(slot.Role),
        };
        foreach (var line in slot.OtherLines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = line.IndexOf('=');
            if (equals <= 0 || line.StartsWith("EOF", StringComparison.Ordinal) || !lines.TryAdd(line[..equals], line[(equals + 1)..]))
            {
                return SlotError.BadValue;
            }
        }

        var bytes = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => $"{line.Key}={line.Value}\n")) + "EOF\n");
        if (bytes.Length > SlotGeometry.TextBytes)
        {
            return SlotError.TextTooLong;
        }

        text.Clear();
        bytes.CopyTo(text);
        return SlotError.None;
    }

    public static SlotError TryParse(ReadOnlySpan<byte> text, out VolumeSlot? slot, out string key, int version = DomainLimits.Version)
    {
        slot = null;
        var error = TryCollect(text, out var lines, out key);
        if (error != SlotError.None)
        {
            return error;
        }

        var fields = new SlotFields(lines);
        var parsed = new VolumeSlot
        {
            CapacityBytes = version == DomainLimits.Version
                ? fields.Number("CAP", CowSizes.LargestCapacityBytes)
                : fields.Number("SIZE", CowSizes.LargestCapacityBytes / OldBlockBytes) * OldBlockBytes,
            CreatedUnixSeconds = fields.Number("CTIME", long.MaxValue),
            Description = fields.Text("DESCRIPTION"),
            DiskType = fields.Text("DISKTYPE"),
            Domain = fields.Uuid("DOMAIN"),
            Format = fields.Word<VolumeFormat>("FORMAT"),
            // GEN and SEQ came later than the other keys: volumes made before have none, and oVirt reads 0.
            Generation = (int)fields.NumberOr("GEN", VolumeSlot.MaximumGeneration, 0),
            Image = fields.Uuid("IMAGE"),
            Legality = fields.Word<VolumeLegality>("LEGALITY"),
            Parent = fields.Uuid("PUUID"),
            Sequence = (uint)fields.NumberOr("SEQ", uint.MaxValue, 0),
            Allocation = fields.Word<VolumeAllocation>("TYPE"),
            Role = fields.Word<VolumeRole>("VOLTYPE"),
            OtherLines = string.Concat(lines.Where(line => !Known.Contains(line.Key)).Select(line => $"{line.Key}={line.Value}\n")),
        };
        key = fields.Key;
        slot = fields.Error == SlotError.None ? parsed : null;
        return fields.Error;
    }

    public static string Word<T>(T value) where T : struct, Enum => value.ToString().ToUpperInvariant();

    private static SlotError TryCollect(ReadOnlySpan<byte> bytes, out SortedDictionary<string, string> lines, out string key)
    {
        lines = new SortedDictionary<string, string>(StringComparer.Ordinal);
        key = "";
        if (bytes.Length < SlotGeometry.TextBytes)
        {
            return SlotError.WrongLength;
        }

        bytes = bytes[..SlotGeometry.TextBytes];
        if (bytes.IndexOfAnyExcept((byte)0) < 0)
        {
            return SlotError.Empty;
        }

        if (bytes.StartsWith("NONE="u8))
        {
            return SlotError.Cleared;
        }

        while (true)
        {
            var length = bytes.IndexOf((byte)'\n');
            var line = length < 0 ? bytes : bytes[..length];
            if (line.StartsWith("EOF"u8))
            {
                return SlotError.None;
            }

            if (length < 0)
            {
                return SlotError.NoEnd;
            }

            var error = TryTake(line, lines, out key);
            if (error != SlotError.None)
            {
                return error;
            }

            bytes = bytes[(length + 1)..];
        }
    }

    private static SlotError TryTake(ReadOnlySpan<byte> line, SortedDictionary<string, string> lines, out string key)
    {
        key = "";
        string text;
        try
        {
            text = Strict.GetString(line).Trim();
        }
        catch (DecoderFallbackException)
        {
            return SlotError.NotText;
        }

        if (!IsOneLine(text))
        {
            return SlotError.NotText;
        }

        var equals = text.IndexOf('=');
        if (equals <= 0)
        {
            // oVirt passes over lines that are not KEY=VALUE; giving them back unchanged is not possible, so they are refused.
            return SlotError.NotText;
        }

        key = text[..equals].Trim();
        var value = text[(equals + 1)..].Trim();
        return lines.TryAdd(key, value) || lines[key] == value ? SlotError.None : SlotError.DuplicateKey;
    }

    /// <summary>No line end of any kind, since readers split at all of them, and no blanks at the ends, since readers cut them off.</summary>
    private static bool IsOneLine(string text)
    {
        var high = false;
        foreach (var c in text)
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029' || char.IsLowSurrogate(c) != high)
            {
                return false;
            }

            high = char.IsHighSurrogate(c);
        }

        return !high && text.Trim().Length == text.Length;
    }
}
