namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Reads past what will be refused, in small memory, so that the answer still finds its request.</summary>
internal static class NbdSkip
{
    public static async Task SkipAsync(Stream stream, long length, CancellationToken stop)
    {
        var scrap = new byte[Math.Min(length, 16 << 10)];
        while (length > 0)
        {
            var part = scrap.AsMemory(0, (int)Math.Min(length, scrap.Length));
            await stream.ReadExactlyAsync(part, stop);
            length -= part.Length;
        }
    }
}
