namespace OvirtSpm.Node.Demo;

static class Percentile
{
    /// <summary>The smallest value that at least this share of all values does not exceed; null of nothing.</summary>
    public static double? Of(IReadOnlyList<double> values, double share)
    {
        if (values.Count == 0)
        {
            return null;
        }
        var sorted = values.Order().ToArray();
        return Math.Round(sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)], 3);
    }
}
