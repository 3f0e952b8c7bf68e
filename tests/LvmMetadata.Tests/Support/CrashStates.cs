namespace LvmMetadata.Tests.Support;

/// <summary>Every device a crash could leave: after each I/O, with each write that no flush covered whole, torn or missing.</summary>
public static class CrashStates
{
    public static IEnumerable<MemoryPv> Of(MemoryPv before, IReadOnlyList<PvIo> journal, Random random)
    {
        var changes = journal.Where(io => io.Kind != PvIoKind.Read).ToList();
        for (var crash = 0; crash <= changes.Count; crash++)
        {
            var done = changes[..crash];
            var lastFlush = done.FindLastIndex(io => io.Kind == PvIoKind.Flush);
            var durable = done[..(lastFlush + 1)].Where(io => io.Kind == PvIoKind.Write).ToList();
            var pending = done[(lastFlush + 1)..];
            for (var variant = 0; variant < (pending.Count == 0 ? 1 : 8); variant++)
            {
                var pv = before.Clone();
                durable.ForEach(io => pv.Poke(io.Offset, io.Data));
                foreach (var io in pending.OrderBy(_ => random.Next()))
                {
                    for (var sector = 0; sector < io.Length; sector += pv.SectorSize)
                    {
                        if (variant == 0 || (variant > 1 && random.Next(2) == 0))
                        {
                            pv.Poke(io.Offset + sector, io.Data.AsSpan(sector, pv.SectorSize));
                        }
                    }
                }
                yield return pv;
            }
        }
    }
}
