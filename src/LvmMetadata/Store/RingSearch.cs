using System.Text;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Looks through the rings for texts that no header names. For diagnosis: what is found is reported, never adopted.</summary>
internal static class RingSearch
{
    private const int ChunkBytes = 1 << 20;
    private const int MaxFound = 64;
    private const long MaxSearchedBytes = 32L << 20;

    public static async ValueTask<IReadOnlyList<RingText>> SearchAsync(IReadOnlyList<IPvArea> pvs, List<CopyReport> reports)
    {
        var found = new List<RingText>();
        foreach (var report in reports)
        {
            var pv = pvs[report.PvIndex];
            if (report.State is not (CopyState.BadHeader or CopyState.BadText) || report.AreaOffsetBytes % pv.SectorSize != 0)
            {
                continue;
            }
            var end = Math.Min(report.AreaOffsetBytes + Math.Min(report.AreaSizeBytes, MaxSearchedBytes), pv.SizeBytes);
            end = end / pv.SectorSize * pv.SectorSize;
            var buffer = DiskMemory.Allocate(ChunkBytes);
            for (var at = report.AreaOffsetBytes; at < end && found.Count < MaxFound; at += ChunkBytes)
            {
                var chunk = buffer[..(int)Math.Min(ChunkBytes, end - at)];
                await pv.ReadAsync(at, chunk);
                for (var offset = 0; offset < chunk.Length && found.Count < MaxFound; offset += MdaHeader.Bytes)
                {
                    if (TryRecognise(chunk.Span[offset..], out var name, out var seqno))
                    {
                        found.Add(new RingText(pv.Name, at + offset, name, seqno));
                    }
                }
            }
        }
        return found;
    }

    /// <summary>A text begins <c>name {</c>, <c>id = "..."</c>, <c>seqno = N</c>, each on a line of its own.</summary>
    private static bool TryRecognise(ReadOnlySpan<byte> sector, out string name, out uint seqno)
    {
        name = "";
        seqno = 0;
        var brace = sector[..Math.Min(sector.Length, 160)].IndexOf(" {\nid = \""u8);
        if (brace is < 1 or > 128)
        {
            return false;
        }
        name = Encoding.UTF8.GetString(sector[..brace]);
        var rest = sector[brace..Math.Min(sector.Length, brace + 120)];
        var at = rest.IndexOf("\nseqno = "u8);
        return at > 0 && System.Buffers.Text.Utf8Parser.TryParse(rest[(at + 9)..], out seqno, out _);
    }
}
