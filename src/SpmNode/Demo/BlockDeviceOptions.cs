namespace OvirtSpm.Node.Demo;

/// <summary>QEMU's <c>key=value,key=value</c> block options; a comma inside a value is written twice.</summary>
sealed record BlockDeviceOptions(IReadOnlyList<KeyValuePair<string, string>> Pairs)
{
    /// <exception cref="Refusal">Not a list of options.</exception>
    public static BlockDeviceOptions Parse(string text)
    {
        const string Option = "-blockdev ";
        text = text.Trim();
        var rest = text.StartsWith(Option, StringComparison.Ordinal) ? text[Option.Length..].Trim() : text;
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (var part in rest.Replace(",,", "\0", StringComparison.Ordinal).Split(','))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw Refusal.Damaged($"'{text}' is not what QEMU's -blockdev takes: '{part}' has no '='.");
            }
            pairs.Add(new(part[..equals], part[(equals + 1)..].Replace('\0', ',')));
        }
        return new(pairs);
    }

    public string? this[string key] => Pairs.FirstOrDefault(pair => pair.Key == key).Value;

    public BlockDeviceOptions With(string key, string value) =>
        new([.. Pairs.Where(pair => pair.Key != key), new(key, value)]);

    public BlockDeviceOptions Without(string key) => new([.. Pairs.Where(pair => pair.Key != key)]);

    /// <summary>The same node as the file below another driver, for <c>--image-opts</c>.</summary>
    public BlockDeviceOptions Below(string driver) =>
        new([new("driver", driver), .. Without("node-name").Pairs.Select(pair => new KeyValuePair<string, string>("file." + pair.Key, pair.Value))]);

    public override string ToString() =>
        string.Join(',', Pairs.Select(pair => $"{pair.Key}={pair.Value.Replace(",", ",,", StringComparison.Ordinal)}"));
}
