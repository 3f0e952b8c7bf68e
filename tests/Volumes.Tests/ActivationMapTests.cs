using FsCheck.Fluent;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Tests;

public class ActivationMapTests
{
    private static readonly Guid Pool = Guid.Parse("99999999-2222-4333-8444-555555555555");
    private static readonly MapOwner Self = new(Guid.Parse("aaaaaaaa-0000-4000-8000-000000000001"), Guid.Parse("bbbbbbbb-0000-4000-8000-000000000002"));
    private static readonly MapOwner AfterReboot = Self with { BootId = Guid.Parse("bbbbbbbb-0000-4000-8000-000000000003") };

    private static byte[] NewRegion(int size) =>
        SpmVolumeCreation.Writes(new Superblock(Pool, Pool, SpmLayout.Create(size)))
            .Single(write => write.OffsetBytes == SpmLayout.Create(size).ActivationMaps.OffsetBytes).Bytes;

    private static ActivationTable Read(byte[] region, int size) => ActivationTable.Read(SpmLayout.Create(size), Pool, region);

    private static MapChange.Write Apply(byte[] region, int size, MapChange change)
    {
        var write = Assert.IsType<MapChange.Write>(change);
        write.Sector.Bytes.CopyTo(region, write.Sector.OffsetBytes - SpmLayout.Create(size).ActivationMaps.OffsetBytes);
        return write;
    }

    private static byte[] Resealed(byte[] sector, Action<byte[]> change)
    {
        var bytes = sector.ToArray();
        change(bytes);
        SectorSeal.Close(bytes);
        return bytes;
    }

    private static byte[] Sector(int size, int host = 7, int part = 0, Guid? pool = null)
    {
        var bytes = new byte[size];
        ActivationSector.Unused(size, pool ?? Pool, host, part).With(part * 1024 + 5, ActivationMode.ReadWrite, Self, 1).Format(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void One_sector_written_activates_a_volume_and_one_deactivates_it(int size)
    {
        var region = NewRegion(size);
        var on = Apply(region, size, Read(region, size).Of(7).Set(1500, ActivationMode.ReadWrite, Self, generation: 2));
        Assert.Equal(size, on.Sector.Bytes.Length);
        Assert.Equal(SlotUse.ReadWrite, on.Next.UseOf(1500));

        var table = Read(region, size);
        Assert.Equal([new SlotUser(7, SlotUse.ReadWrite)], table.UsersOf(1500));
        Assert.False(table.MayRelease(1500));
        Assert.True(table.MayRelease(1499));
        Assert.IsType<MapChange.Unchanged>(table.Of(7).Set(1500, ActivationMode.ReadWrite, Self, 2));

        Apply(region, size, table.Of(7).Set(1500, ActivationMode.Inactive, Self, 2));
        Assert.True(Read(region, size).MayRelease(1500));
        Assert.True(Read(region, size).Of(7).IsIdle);
    }

    [Fact]
    public void The_value_that_was_read_does_not_change()
    {
        var host = Read(NewRegion(512), 512).Of(7);
        host.Set(5, ActivationMode.ReadOnly, Self, 1);
        Assert.Equal(SlotUse.Inactive, host.UseOf(5));
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void The_map_agrees_with_a_plain_dictionary(int size) =>
        Forall.Of(
            (from slot in Gen.Choose(1, 1947)
             from mode in Gen.Elements(Enum.GetValues<ActivationMode>())
             from host in Gen.Choose(1, 3)
             select (slot, mode, host)).ArrayOf(),
            steps =>
            {
                var region = NewRegion(size);
                var twin = new SortedDictionary<(int Host, int Slot), ActivationMode>();
                foreach (var (slot, mode, host) in steps)
                {
                    var change = Read(region, size).Of(host).Set(slot, mode, Self, 1);
                    if (change is not MapChange.Unchanged)
                    {
                        Apply(region, size, change);
                    }

                    twin.Remove((host, slot));
                    if (mode != ActivationMode.Inactive)
                    {
                        twin[(host, slot)] = mode;
                    }
                }

                var table = Read(region, size);
                Assert.Equal(
                    twin.Select(entry => (entry.Key.Host, entry.Key.Slot, entry.Value)),
                    Enumerable.Range(1, 3).SelectMany(host => table.Of(host).Active().Select(entry => (host, entry.Slot, entry.Mode))));
            }, 40);

    [Fact]
    public void Every_mode_of_every_slot_survives_a_sector()
    {
        foreach (var size in new[] { 512, 4096 })
        {
            for (var slot = 1; slot <= 1947; slot++)
            {
                var part = ActivationSector.PartOf(slot, size);
                var bytes = new byte[size];
                var mode = (ActivationMode)(slot % 4);
                ActivationSector.Unused(size, Pool, 250, part).With(slot, mode, Self, 9).Format(bytes);
                Assert.Equal(RecordError.None, ActivationSector.TryParse(bytes, Pool, 250, part, out var parsed));
                Assert.Equal(mode, parsed!.ModeOf(slot));
                Assert.Equal(mode == ActivationMode.Inactive ? [] : [(slot, mode)], parsed.Active());
                Assert.Equal((Self, 1ul, 9ul), (parsed.Owner, parsed.Sequence, parsed.Generation));
            }
        }
    }

    [Fact]
    public void Every_sector_that_is_not_this_map_is_refused_with_its_reason()
    {
        RecordError Parse(byte[] sector) => ActivationSector.TryParse(sector, Pool, 7, 0, out _);
        var record = new byte[512];
        new HostRecord(Pool, 7, 1, 1, Pool, Pool, "n", "", "", WatchdogKind.None, 0, 10).Format(record);

        Assert.Equal(RecordError.None, Parse(Sector(512)));
        Assert.Equal(RecordError.Empty, Parse(new byte[512]));
        Assert.Equal(RecordError.WrongLength, Parse(new byte[100]));
        Assert.Equal(RecordError.WrongMagic, Parse(record));
        Assert.Equal(RecordError.OtherPlace, Parse(Sector(512, host: 8)));
        Assert.Equal(RecordError.OtherPlace, Parse(Sector(512, part: 1)));
        Assert.Equal(RecordError.OtherPool, Parse(Sector(512, pool: Guid.Empty)));
        Assert.Equal(RecordError.WrongChecksum, Parse([.. Sector(512)[..130], .. Sector(512, host: 8)[130..200], 1, .. new byte[311]]));
        Assert.Equal(RecordError.UnknownVersion, Parse(Resealed(Sector(512), bytes => bytes[8] = 2)));
        Assert.Equal(RecordError.OtherSectorSize, Parse(Resealed(Sector(512), bytes => bytes[89] = 8)));
        Assert.Equal(RecordError.OtherSectorSize, Parse(Resealed(Sector(512), bytes => bytes[84] = 1)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(Sector(512), bytes => bytes[92] = 1)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(Sector(512), bytes => bytes[128] = 1)));
        Assert.Equal(RecordError.None, Parse(Resealed(Sector(512), bytes => bytes[140] = 3)));
        Assert.Equal(RecordError.BadField, Parse(Resealed(Sector(512), bytes => bytes[511] = 1)));
        Assert.Equal(RecordError.BadField, ActivationSector.TryParse(Resealed(Sector(512, part: 1), bytes => bytes[128 + (1948 - 1024) / 4] = 1), Pool, 7, 1, out _));
        Assert.Equal(RecordError.BadField, ActivationSector.TryParse(Resealed(Sector(4096), bytes => bytes[128 + 512] = 1), Pool, 7, 0, out _));
    }

    [Fact]
    public void Every_flipped_bit_is_noticed()
    {
        var sector = Sector(512);
        for (var bit = 0; bit < sector.Length * 8; bit++)
        {
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(bit < 64 ? RecordError.WrongMagic : RecordError.WrongChecksum, ActivationSector.TryParse(sector, Pool, 7, 0, out _));
            sector[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void No_bytes_whatever_break_the_parser()
    {
        Forall.Of(Forall.Bytes, bytes => Assert.NotEqual(RecordError.None, ActivationSector.TryParse(bytes, Pool, 7, 0, out _)));
        Forall.Of(Forall.BytesOf(384), bits => ActivationSector.TryParse(Resealed(Sector(512), bytes => bits.CopyTo(bytes, 128)), Pool, 7, 0, out _));
    }

    /// R11, R10: garbage may hide an activation, so nothing that sector covers is given away; what other sectors cover is.
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void A_sector_that_is_garbage_keeps_every_slot_it_covers_in_use_and_no_other(int size)
    {
        var layout = SpmLayout.Create(size);
        for (var part = 0; part < layout.MapParts; part++)
        {
            var at = (int)(layout.MapOffsetBytes(42, part) - layout.ActivationMaps.OffsetBytes);
            foreach (var garbage in new[] { new byte[size], Enumerable.Repeat((byte)0xA5, size).ToArray(), Sector(size, host: 43, part: part), Sector(size, host: 42, part: part, pool: Guid.Empty) })
            {
                var region = NewRegion(size);
                garbage.CopyTo(region, at);
                var table = Read(region, size);
                for (var slot = 1; slot <= 1947; slot++)
                {
                    var covered = ActivationSector.PartOf(slot, size) == part;
                    Assert.Equal(!covered, table.MayRelease(slot));
                    Assert.Equal(covered ? [new SlotUser(42, SlotUse.Unreadable)] : [], table.UsersOf(slot));
                }

                Assert.Equal([42], table.Unreadable.Select(host => host.Host));
                Assert.False(table.Of(42).IsIdle);
                Assert.IsType<MapChange.Unreadable>(table.Of(42).Set(part == 0 ? 5 : 1500, ActivationMode.ReadOnly, Self, 1));
            }
        }
    }

    [Fact]
    public void A_writer_elsewhere_is_found_and_our_own_entry_or_a_reader_is_none()
    {
        var region = NewRegion(512);
        Apply(region, 512, Read(region, 512).Of(1).Set(5, ActivationMode.ReadWrite, Self, 1));
        Apply(region, 512, Read(region, 512).Of(2).Set(5, ActivationMode.ReadOnly, Self, 1));
        var table = Read(region, 512);
        Assert.Empty(table.OtherWriters(5, self: 1));
        Assert.Equal([new SlotUser(1, SlotUse.ReadWrite)], table.OtherWriters(5, self: 2));
        new byte[512].CopyTo(region, 512 * 2 * 8);
        Assert.Equal([new SlotUser(9, SlotUse.Unreadable)], Read(region, 512).OtherWriters(5, self: 1));
        Apply(region, 512, Read(region, 512).Of(3).Set(5, ActivationMode.Working, Self, 1));
        Assert.Contains(new SlotUser(3, SlotUse.Working), Read(region, 512).OtherWriters(5, self: 1));
    }

    /// R11: a machine that got the host id of another must not wipe what that one still has open.
    [Fact]
    public void Entries_of_another_machine_or_boot_are_not_overwritten()
    {
        var region = NewRegion(512);
        Apply(region, 512, Read(region, 512).Of(7).Set(5, ActivationMode.ReadWrite, Self, 1));
        var host = Read(region, 512).Of(7);
        Assert.Equal([Self], host.ForeignOwners(AfterReboot));
        Assert.Empty(host.ForeignOwners(Self));
        Assert.Equal(new MapChange.HeldByOther(Self), host.Set(6, ActivationMode.ReadOnly, AfterReboot, 2));
        Assert.Equal(new MapChange.HeldByOther(Self), host.Set(5, ActivationMode.Inactive, AfterReboot, 2));

        // The same machine after a reboot has nothing open any more and clears what its earlier start left.
        Apply(region, 512, host.Clear(0, AfterReboot, 2));
        host = Read(region, 512).Of(7);
        Assert.Empty(host.ForeignOwners(AfterReboot));
        Assert.True(host.IsIdle);
        Apply(region, 512, host.Set(6, ActivationMode.ReadOnly, AfterReboot, 2));
        Assert.Equal(3ul, Read(region, 512).Of(7).Parts[0].Sector!.Sequence);
    }

    [Fact]
    public void An_idle_map_is_taken_over_by_the_next_machine()
    {
        var region = NewRegion(512);
        Apply(region, 512, Read(region, 512).Of(7).Set(5, ActivationMode.ReadWrite, Self, 1));
        Apply(region, 512, Read(region, 512).Of(7).Set(5, ActivationMode.Inactive, Self, 1));
        Apply(region, 512, Read(region, 512).Of(7).Set(9, ActivationMode.ReadOnly, AfterReboot, 2));
        Assert.Equal(AfterReboot, Read(region, 512).Of(7).Parts[0].Sector!.Owner);
    }

    [Fact]
    public void Clearing_an_unreadable_part_makes_it_a_map_again()
    {
        var region = NewRegion(512);
        region.AsSpan(512 * 2 * 6, 512).Fill(0xA5);
        Apply(region, 512, Read(region, 512).Of(7).Clear(0, Self, 1));
        Assert.True(Read(region, 512).Of(7).IsIdle);
    }

    [Fact]
    public void Slots_that_do_not_exist_are_a_fault_of_the_caller()
    {
        var host = Read(NewRegion(512), 512).Of(7);
        Assert.Throws<ArgumentOutOfRangeException>(() => host.UseOf(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => host.UseOf(1948));
        Assert.Throws<ArgumentOutOfRangeException>(() => host.Set(0, ActivationMode.ReadOnly, Self, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => host.Set(5, (ActivationMode)4, Self, 1));
    }
}
