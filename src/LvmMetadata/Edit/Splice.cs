namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Replace the bytes from <c>Start</c> up to <c>End</c>.</summary>
internal readonly record struct Splice(int Start, int End, byte[] Replacement)
{
    /// <param name="splices">In order, without overlap.</param>
    public static ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> source, List<Splice> splices)
    {
        var length = source.Length;
        foreach (var splice in splices)
        {
            length += splice.Replacement.Length - (splice.End - splice.Start);
        }
        var result = new byte[length];
        int from = 0, to = 0;
        foreach (var splice in splices)
        {
            source.Span[from..splice.Start].CopyTo(result.AsSpan(to));
            to += splice.Start - from;
            splice.Replacement.CopyTo(result.AsSpan(to));
            to += splice.Replacement.Length;
            from = splice.End;
        }
        source.Span[from..].CopyTo(result.AsSpan(to));
        return result;
    }
}
