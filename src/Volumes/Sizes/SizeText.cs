using System.Globalization;

namespace OvirtSpm.Volumes.Sizes;

/// <summary>Sizes as people write them: <c>8G</c>, <c>512M</c>, <c>1.5T</c>, <c>1048576</c>.</summary>
/// <remarks>A bare number is bytes; K, M, G and T are powers of 1024, in either case, with or without "iB". "GB" is refused: half of its readers mean 10^9.</remarks>
public static class SizeText
{
    private const int LongestText = 32;
    private const string Units = "KMGT";

    /// <param name="text">What was typed.</param>
    /// <param name="maximumBytes">The largest size allowed here.</param>
    /// <param name="bytes">0 unless the result is <see cref="SizeError.None"/>.</param>
    public static SizeError TryParse(string? text, long maximumBytes, out long bytes)
    {
        bytes = 0;
        text = text?.Trim() ?? "";
        if (text.Length == 0)
        {
            return SizeError.Empty;
        }

        var digits = text.AsSpan().IndexOfAnyExcept("0123456789.+-");
        var (number, unit) = digits < 0 ? (text, "") : (text[..digits], text[digits..].Trim());
        if (number.Length is 0 or > LongestText
            || !decimal.TryParse(number, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            return SizeError.NotANumber;
        }

        if (!TryFactor(unit, out var factor))
        {
            return SizeError.UnknownUnit;
        }

        if (value <= 0)
        {
            return value < 0 || number[0] == '-' ? SizeError.Negative : SizeError.Zero;
        }

        // Compared before multiplying: the product of 32 digits and 2^40 does not fit.
        if (value > (decimal)maximumBytes / factor)
        {
            return SizeError.TooLarge;
        }

        var exact = value * factor;
        if (factor == 1 && exact != decimal.Truncate(exact))
        {
            return SizeError.NotWholeBytes;
        }

        // Rounded up, and at most one byte of it: nobody who asks for 0.1G gets less than that.
        bytes = (long)Math.Min(decimal.Ceiling(exact), maximumBytes);
        return SizeError.None;
    }

    /// <summary>What was wrong with a size, why, and what to write instead.</summary>
    public static string Explain(SizeError error, string? text, long maximumBytes)
    {
        var shown = text is { Length: > 40 } ? text[..40] + "…" : text ?? "";
        return error switch
        {
            SizeError.None => "",
            SizeError.Empty => "no size was given; write for example 8G",
            SizeError.Zero => $"size '{shown}' is zero; write for example 8G",
            SizeError.Negative => $"size '{shown}' is negative; sizes are absolute, write for example 8G",
            SizeError.UnknownUnit => $"size '{shown}' has an unknown unit; K, M, G and T are powers of 1024, a bare number is bytes",
            SizeError.NotWholeBytes => $"size '{shown}' is not a whole number of bytes; did you mean '{shown}G'?",
            SizeError.TooLarge => $"size '{shown}' is more than the {Format(maximumBytes)} allowed here",
            _ => $"size '{shown}' is not a number; write for example 8G, 512M, 1.5T or a number of bytes",
        };
    }

    /// <returns>For people: "8 GiB", "1.5 TiB", "137 MiB"; at most two digits behind the point, never rounded up, exact bytes below 1 KiB.</returns>
    public static string Format(long bytes)
    {
        if (bytes is > -1024 and < 1024)
        {
            return bytes.ToString(CultureInfo.InvariantCulture) + " B";
        }

        var unit = -1;
        var value = (decimal)bytes;
        while (unit < Units.Length - 1 && Math.Abs(value) >= 1024)
        {
            value /= 1024;
            unit++;
        }

        // Truncated: "8 GiB free" must not be said of 7.999 GiB.
        return (decimal.Truncate(value * 100) / 100).ToString("0.##", CultureInfo.InvariantCulture) + " " + Units[unit] + "iB";
    }

    private static bool TryFactor(string unit, out long factor)
    {
        factor = 1;
        if (unit.Length == 0 || unit is "B" or "b")
        {
            return true;
        }

        var power = Units.IndexOf(char.ToUpperInvariant(unit[0]));
        if (power < 0 || !(unit.Length == 1 || unit[1..].Equals("iB", StringComparison.OrdinalIgnoreCase)))
        {
            return false;
        }

        factor = 1L << (10 * (power + 1));
        return true;
    }
}
