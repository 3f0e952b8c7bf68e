using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Tests.Journal;

/// <summary>Every sector of a journal made wrong in every way: the right reason, and never more than what that sector said is missing.</summary>
public class JournalDamageTests
{
    private const int Commits = 6;

    [Theory]
    [InlineData(512, "zeros")]
    [InlineData(512, "random")]
    [InlineData(512, "another pool's")]
    [InlineData(512, "an older epoch's")]
    [InlineData(512, "one bit")]
    [InlineData(4096, "zeros")]
    [InlineData(4096, "random")]
    [InlineData(4096, "one bit")]
    public void Any_one_sector_made_wrong_is_found_and_the_others_still_tell(int sector, string how)
    {
        var disk = Written(sector);
        var sound = disk.Read();
        var (start, end) = ((int)disk.Geometry.OffsetOf(sound.Log!.Header.Index), sound.Log.End.OffsetBytes);
        for (var at = 0; at < end; at += sector)
        {
            var before = disk.Bytes.AsSpan(start + at, sector).ToArray();
            Spoil(disk.Bytes.AsSpan(start + at, sector), how, at);
            if (!disk.Bytes.AsSpan(start + at, sector).SequenceEqual(before))
            {
                Check(disk.Read(), sound, at, sector, how);
            }

            before.CopyTo(disk.Bytes.AsSpan(start + at));
        }
    }

    /// Operations are numbered by commit: which are known afterwards says what was lost.
    private static void Check(JournalReading spoiled, JournalReading sound, int at, int sector, string how)
    {
        var open = spoiled.State().Open.Select(operation => operation.Operation).ToList();
        if (at <= sector)
        {
            // Its header or its opening block: the epoch before it, as the takeover found it.
            Assert.Empty(open.Except([1ul]));
            Assert.True(spoiled.Log is null || spoiled.Log.Header.Epoch == 2);
            Assert.True(spoiled.Damage.Length > 0 || (at == 0 && how == "zeros"), $"{how} at {at}");
            return;
        }

        var lost = sound.State().Open.Select(operation => operation.Operation).Except(open).ToList();
        Assert.InRange(lost.Count, 0, 1);
        var last = lost.Count == 1 && lost[0] == Commits;
        // The last block cannot be told from one that was torn by the crash; any other one that is missing is reported.
        Assert.True(last || spoiled.Damage.Length == 1, $"{how} at {at}: lost {string.Join(",", lost)}, {spoiled.Damage.Length} reported");
    }

    [Fact]
    public void A_later_programs_block_is_told_from_a_torn_one()
    {
        var disk = Written(512);
        var log = disk.Read().Log!;
        var block = disk.Bytes.AsSpan((int)disk.Geometry.OffsetOf(log.Header.Index) + log.Blocks[^1].Position.OffsetBytes, log.Blocks[^1].SizeBytes);
        block[8] = 2;
        BitConverter.TryWriteBytes(block[12..], Crc32C.OfRecord(block, 12));
        Assert.NotNull(disk.Read().Later);
    }

    private static RingDisk Written(int sector)
    {
        var disk = new RingDisk(sector);
        var first = disk.TakeOver(2);
        disk.Commit(first, 2, new JournalRecord.Begun(1, OperationKind.Remove, null, Guid.Parse("eeeeeeee-0000-0000-0000-000000000001"), 0, 0));
        var writer = disk.TakeOver(3);
        for (var n = 2; n <= Commits; n++)
        {
            disk.Commit(writer, 3, new JournalRecord.Begun((ulong)n, OperationKind.Remove, null, Guid.Parse("eeeeeeee-0000-0000-0000-000000000001"), 0, 0),
                new JournalRecord.Freed(new string('n', Math.Min(255, 40 * n)), new string('l', 32), 1));
        }

        return disk;
    }

    private static void Spoil(Span<byte> sector, string how, int seed)
    {
        switch (how)
        {
            case "zeros":
                sector.Clear();
                break;
            case "random":
                new Random(seed).NextBytes(sector);
                break;
            case "one bit":
                sector[seed / 512 * 37 % sector.Length] ^= 4;
                break;
            case "another pool's":
                SectorSeal.WriteUuid(sector, 16, Guid.Parse("12345678-2222-4333-8444-555555555555"));
                BitConverter.TryWriteBytes(sector[12..], Crc32C.OfRecord(sector, 12));
                break;
            default:
                BitConverter.TryWriteBytes(sector[32..], 2ul);
                BitConverter.TryWriteBytes(sector[12..], Crc32C.OfRecord(sector, 12));
                break;
        }
    }
}
