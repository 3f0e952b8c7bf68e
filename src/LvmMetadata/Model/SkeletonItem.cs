namespace OvirtSpm.LvmMetadata.Model;

/// <summary>One key or section of a group, as it stands in the text.</summary>
/// <param name="Key">Its name; <c>logical_volumes</c> has no bytes of its own.</param>
/// <param name="Bytes">From the end of the item before it.</param>
/// <param name="LeadLength">How many of them are white space and comments before the name.</param>
internal readonly record struct SkeletonItem(string Key, ReadOnlyMemory<byte> Bytes, int LeadLength)
{
    /// <summary>The same item saying something else; what stands before it stays.</summary>
    public SkeletonItem Saying(ReadOnlySpan<byte> statement)
    {
        var bytes = new byte[LeadLength + statement.Length];
        Bytes.Span[..LeadLength].CopyTo(bytes);
        statement.CopyTo(bytes.AsSpan(LeadLength));
        return this with { Bytes = bytes };
    }

    public static SkeletonItem OnNewLine(string key, ReadOnlySpan<byte> statement) =>
        new SkeletonItem(key, "\n"u8.ToArray(), 1).Saying(statement);
}
