using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Brings one text to disk, in the one order that leaves the old or the new group readable at every instant.</summary>
internal sealed class MetadataWriter
{
    private Memory<byte> text;

    /// <summary>For looks at the headers, which come every second; one at a time, like everything of a store.</summary>
    private Memory<byte> header;

    /// <summary>Null where no journal is kept.</summary>
    public ICommitJournal? Journal { get; set; }

    /// <param name="copies">All used copies; on success each knows its new place.</param>
    /// <param name="isFirst">R4: the first text of an epoch.</param>
    /// <remarks>
    /// R2: text 1, text 2, flush, header 1, flush, header 2, flush; never two of them at once. A crash before header 1 leaves the old
    /// group in both copies, a crash after it the new one in at least one, and lvm2 as well as we take the newer.
    /// </remarks>
    public async ValueTask<CommitOutcome> WriteAsync(List<MetadataCopy> copies, VolumeGroup next, IWriteGuard guard, bool isFirst)
    {
        var size = next.TextLength + 1;
        var places = new long[copies.Count];
        for (var i = 0; i < copies.Count; i++)
        {
            // R4: one text is limited to a share of the ring, so that there is always room beside the live one and a stray one.
            if (size > copies[i].Ring.MaxTextBytes || copies[i].Ring.Next(copies[i].Location, size, isFirst ? guard.Epoch : null) is not { } place)
            {
                return new CommitOutcome.NotIssued(
                    $"{copies[i].Where}: a text of {size} bytes does not fit beside the live one; at most {copies[i].Ring.MaxTextBytes} bytes do: remove volumes or tags");
            }
            places[i] = place;
        }
        var crc = Render(next, size);
        var issued = false;
        try
        {
            // Somebody may have committed since this change was made; its text must not be overwritten (one writer's next text
            // lies where the other's does).
            if (await FindForeignAsync(copies) is { } foreign)
            {
                return new CommitOutcome.ForeignWrite(foreign);
            }
            if (Journal is { } journal)
            {
                // R6b: what is given away is named in the journal before the texts' flush, which makes both durable.
                if (journal.Note(next, size, crc, places) is not { } note)
                {
                    return new CommitOutcome.NotIssued("the change is too large for one block of the journal: ask for less at once");
                }
                if (guard.Issue(() => note.Pv.WriteAsync(note.OffsetBytes, note.Bytes)) is not { } noting)
                {
                    return Fenced(issued, "before the journal");
                }
                issued = true;
                await noting;
            }
            for (var i = 0; i < copies.Count; i++)
            {
                var (copy, at, align) = (copies[i], copies[i].Area.OffsetBytes + places[i], copies[i].Ring.Alignment);
                // R2: the deadline is read directly before each write.
                if (guard.Issue(() => copy.Pv.WriteAsync(at, text[..((size + align - 1) / align * align)])) is not { } writing)
                {
                    return Fenced(issued, "before the text");
                }
                issued = true;
                await writing;
            }
            await FlushAllAsync(copies);
            // R25: beside each other, both asked for after the flush returned; the texts so far are nobody's.
            var confirming = guard.ConfirmAsync().AsTask();
            string? meanwhile;
            try
            {
                meanwhile = await FindForeignAsync(copies);
            }
            finally
            {
                // Also when a header cannot be read: the term ends then, and the lease would be given back while it is still being read.
                await confirming;
            }
            if (await confirming is { } objection)
            {
                return new CommitOutcome.NotIssued(objection);
            }
            if (meanwhile is not null)
            {
                return new CommitOutcome.ForeignWrite(meanwhile);
            }
            var written = new List<MetadataCopy>(copies.Count);
            for (var i = 0; i < copies.Count; i++)
            {
                var location = new TextLocation(places[i], size, crc, 0);
                var (copy, memory) = (copies[i], DiskMemory.Rent(copies[i].HeaderWriteBytes));
                var header = await HeaderSectorAsync(copy, location, memory);
                // R2: behind every read, or a host that sleeps while it waits for one wakes up and writes.
                if (guard.Issue(() => copy.Pv.WriteAsync(copy.Area.OffsetBytes, header)) is not { } writing)
                {
                    return Fenced(issued, "before a header");
                }
                await writing;
                DiskMemory.Return(memory);
                // R2: the second header only when the first is durable, or a crash could lose both at once.
                await copies[i].Pv.FlushAsync();
                written.Add(copies[i] with { Location = location });
            }
            // R1: what returned after the deadline is not acknowledged, although it may well be there.
            if (!guard.MayWrite())
            {
                return Fenced(issued, "after the last flush");
            }
            copies.Clear();
            copies.AddRange(written);
            return new CommitOutcome.Committed(next);
        }
        catch (IOException failure)
        {
            return issued ? new CommitOutcome.Unknown(failure.Message) : new CommitOutcome.NotIssued(failure.Message);
        }
    }

    /// <returns>What was found where slot 0 is not what this writer knows; null when all are.</returns>
    public async ValueTask<string?> FindForeignAsync(List<MetadataCopy> copies)
    {
        foreach (var copy in copies)
        {
            // Ours again only when the read is done: after a failure nobody knows whether the device is done with the memory.
            var buffer = header.Length >= copy.HeaderWriteBytes ? header : DiskMemory.Allocate(copy.HeaderWriteBytes);
            header = default;
            var read = await HeaderRead.ReadAsync(copy.Pv, copy.Area, buffer);
            header = buffer;
            if (read.Error == HeaderError.None ? read.Header.Committed != copy.Location : copy.Location is not null)
            {
                var found = read.Error == HeaderError.None ? read.Header.Committed.ToString() : $"a header that is not believed ({read.Error})";
                return $"{copy.Where}: slot 0 was {copy.Location?.ToString() ?? "not believed"}, now it is {found}: somebody else wrote";
            }
        }
        return null;
    }

    public static async ValueTask FlushAllAsync(List<MetadataCopy> copies)
    {
        foreach (var pv in copies.Select(copy => copy.Pv).Distinct())
        {
            await pv.FlushAsync();
        }
    }

    public static async ValueTask WriteHeaderAsync(MetadataCopy copy, TextLocation location) =>
        await copy.Pv.WriteAsync(copy.Area.OffsetBytes, await HeaderSectorAsync(copy, location, DiskMemory.Allocate(copy.HeaderWriteBytes)));

    /// <param name="memory">The caller's, at least as long as the copy's <see cref="MetadataCopy.HeaderWriteBytes"/>; what is returned lies in it.</param>
    internal static async ValueTask<Memory<byte>> HeaderSectorAsync(MetadataCopy copy, TextLocation location, Memory<byte> memory)
    {
        var sector = memory[..copy.HeaderWriteBytes];
        if (sector.Length > MdaHeader.Bytes)
        {
            // On 4096-byte sectors the first ring bytes share the header's: stock lvm2 may keep its live text there.
            await copy.Pv.ReadAsync(copy.Area.OffsetBytes, sector);
        }
        new MdaHeader(copy.Area.OffsetBytes, copy.Area.SizeBytes, location, default).Format(sector.Span);
        return sector;
    }

    private uint Render(VolumeGroup next, int size)
    {
        var padded = (size + 4095) / 4096 * 4096;
        if (text.Length < padded)
        {
            text = DiskMemory.Allocate(padded + (padded / 2 / 4096 * 4096));
        }
        var length = next.WriteText(text.Span);
        text.Span[length..padded].Clear();
        return LvmCrc.Compute(text.Span[..size]);
    }

    private static CommitOutcome Fenced(bool issued, string when) => issued
        ? new CommitOutcome.Unknown($"the lease's deadline passed {when}")
        : new CommitOutcome.NotIssued($"the lease's deadline passed {when}");
}
