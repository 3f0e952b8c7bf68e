using System.Buffers.Binary;
using FsCheck.Fluent;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Tests;

public class SuperblockTests
{
    private static readonly Guid Pool = Guid.Parse("99999999-2222-4333-8444-555555555555");
    private static readonly Guid Domain = Guid.Parse("11111111-2222-4333-8444-555555555555");

    private static byte[] Sector(int size)
    {
        var bytes = new byte[size];
        new Superblock(Pool, Domain, SpmLayout.Create(size)).Format(bytes);
        return bytes;
    }

    /// <summary>Changes bytes and makes the checksum agree again: what a newer or a faulty program would write.</summary>
    private static byte[] Resealed(byte[] sector, Action<byte[]> change)
    {
        var bytes = sector.ToArray();
        change(bytes);
        SectorSeal.Close(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void A_superblock_reads_back_with_its_layout(int size)
    {
        Assert.Equal(RecordError.None, Superblock.TryParse(Sector(size), Domain, out var parsed));
        Assert.Equal(new Superblock(Pool, Domain, SpmLayout.Create(size)), parsed);
        Assert.Equal(RecordError.None, Superblock.TryParse(Sector(size), null, out _));
    }

    [Fact]
    public void Its_first_bytes_are_the_documented_ones()
    {
        var bytes = Sector(512);
        Assert.Equal("SPMSUPR\n"u8.ToArray(), bytes[..8]);
        Assert.Equal(Convert.FromHexString("01000000"), bytes[8..12]);
        Assert.Equal(Convert.FromHexString("00020000" + "04000000" + "99999999222243338444555555555555"), bytes[24..48]);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Nothing_overlaps_and_everything_lies_inside_the_volume(int size)
    {
        var layout = SpmLayout.Create(size);
        var ranges = new List<(long From, long To)> { (0, size), (SpmLayout.SuperblockCopyOffsetBytes, SpmLayout.SuperblockCopyOffsetBytes + size), (layout.Journal.OffsetBytes, layout.Journal.EndBytes) };
        for (var host = 1; host <= SpmLayout.Hosts; host++)
        {
            ranges.Add((layout.HostRecordOffsetBytes(host, 0), layout.HostRecordOffsetBytes(host, 0) + size));
            ranges.Add((layout.HostRecordOffsetBytes(host, 1), layout.HostRecordOffsetBytes(host, 1) + size));
            for (var part = 0; part < layout.MapParts; part++)
            {
                ranges.Add((layout.MapOffsetBytes(host, part), layout.MapOffsetBytes(host, part) + size));
            }
        }

        ranges.Sort();
        Assert.All(ranges.Zip(ranges.Skip(1)), pair => Assert.True(pair.First.To <= pair.Second.From));
        Assert.All(ranges, range => Assert.Equal(0, range.From % size));
        Assert.True(ranges[^1].To <= SpmLayout.VolumeBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.HostRecordOffsetBytes(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.HostRecordOffsetBytes(251, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.MapOffsetBytes(1, layout.MapParts));
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        var sector = Sector(4096);
        for (var bit = 0; bit < sector.Length * 8; bit++)
        {
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(bit < 64 ? RecordError.WrongMagic : RecordError.WrongChecksum, Superblock.TryParse(sector, Domain, out _));
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Each_way_of_not_being_ours_has_its_reason()
    {
        var sector = Sector(512);
        Assert.Equal(RecordError.Empty, Superblock.TryParse(new byte[512], Domain, out _));
        Assert.Equal(RecordError.WrongLength, Superblock.TryParse(sector.AsSpan(0, 511), Domain, out _));
        Assert.Equal(RecordError.OtherPool, Superblock.TryParse(sector, Pool, out _));
        Assert.Equal(RecordError.UnknownVersion, Superblock.TryParse(Resealed(sector, bytes => bytes[8] = 2), Domain, out _));
        Assert.Equal(RecordError.UnknownFeature, Superblock.TryParse(Resealed(sector, bytes => bytes[16] = 1), Domain, out _));
        Assert.Equal(RecordError.None, Superblock.TryParse(Resealed(sector, bytes => bytes[20] = 1), Domain, out _));
        Assert.Equal(RecordError.OtherSectorSize, Superblock.TryParse(Resealed(sector, bytes => bytes[25] = 16), Domain, out _));
    }

    [Fact]
    public void A_volume_copied_to_a_disk_with_other_sectors_is_recognised()
    {
        Assert.Equal(RecordError.OtherSectorSize, Superblock.TryParse([.. Sector(512), .. new byte[4096 - 512]], Domain, out _));
        Assert.Equal(RecordError.OtherSectorSize, Superblock.TryParse(Sector(4096).AsSpan(0, 512), Domain, out _));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 4096)]
    [InlineData(0, 65536)]
    [InlineData(0, 4 << 20)]
    [InlineData(0, 128 << 20)]
    [InlineData(0, -4096)]
    [InlineData(0, long.MaxValue)]
    [InlineData(0, (1 << 20) + 512)]
    [InlineData(8, 0)]
    [InlineData(8, 4096)]
    [InlineData(8, -1)]
    [InlineData(8, long.MaxValue)]
    public void A_region_that_cannot_be_right_is_refused(int field, long value) =>
        Assert.Equal(RecordError.BadField, Superblock.TryParse(
            Resealed(Sector(512), bytes => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(128 + 8 + field), value)), Domain, out _));

    [Fact]
    public void A_missing_doubled_or_endless_region_table_is_refused()
    {
        Assert.Equal(RecordError.BadField, Superblock.TryParse(Resealed(Sector(512), bytes => bytes[28] = 3), Domain, out _));
        Assert.Equal(RecordError.BadField, Superblock.TryParse(Resealed(Sector(512), bytes => bytes[128] = 2), Domain, out _));
        Assert.Equal(RecordError.BadField, Superblock.TryParse(Resealed(Sector(512), bytes => bytes.AsSpan(28, 4).Fill(255)), Domain, out _));
    }

    [Fact]
    public void No_bytes_whatever_break_the_parser()
    {
        Forall.Of(Forall.Bytes, bytes => Assert.NotEqual(RecordError.None, Superblock.TryParse(bytes, null, out _)));
        Forall.Of(Forall.BytesOf(384), table => Superblock.TryParse(Resealed(Sector(512), bytes => table.CopyTo(bytes, 128)), null, out _));
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void A_new_volume_has_a_map_for_every_host_and_its_superblock_comes_last(int size)
    {
        var layout = SpmLayout.Create(size);
        var writes = SpmVolumeCreation.Writes(new Superblock(Pool, Domain, layout)).ToList();
        Assert.Equal([SpmLayout.SuperblockCopyOffsetBytes, SpmLayout.SuperblockOffsetBytes], writes.TakeLast(2).Select(write => write.OffsetBytes));
        Assert.All(writes, write => Assert.Equal(0, write.Bytes.Length % size));

        var maps = ActivationTable.Read(layout, Pool, writes.Single(write => write.OffsetBytes == layout.ActivationMaps.OffsetBytes).Bytes);
        Assert.Empty(maps.Unreadable);
        Assert.True(maps.MayRelease(1));
        Assert.True(maps.MayRelease(1947));
        Assert.Equal(RecordError.None, Superblock.TryParse(writes[^1].Bytes, Domain, out _));
        Assert.All(
            HostRecordPair.ReadAll(layout, Pool, writes[0].Bytes, writes[1].Bytes),
            pair => Assert.IsType<HostRecordReading.Absent>(pair.Reading(0)));
    }
}
