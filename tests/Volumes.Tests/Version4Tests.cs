using System.Text;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes.Tests;

/// <summary>What older domains of oVirt say: read, never written.</summary>
public class Version4Tests
{
    private static readonly string Text = """
        CTIME=1700000000
        DESCRIPTION={"DiskAlias":"d1"}
        DISKTYPE=2
        DOMAIN=11111111-2222-4333-8444-555555555555
        FORMAT=COW
        IMAGE=cccccccc-0000-4000-8000-000000000001
        LEGALITY=LEGAL
        MTIME=0
        PUUID=00000000-0000-0000-0000-000000000000
        SIZE=20971520
        TYPE=SPARSE
        VOLTYPE=LEAF
        EOF

        """.ReplaceLineEndings("\n");

    private static SlotReading Read(string text, int version)
    {
        var bytes = new byte[1024];
        Encoding.UTF8.GetBytes(text).CopyTo(bytes, 0);
        // The next slot, where version 5 has our record.
        Encoding.UTF8.GetBytes(Text).CopyTo(bytes, 512);
        return SlotReading.Read(7, bytes, VolumeSlotTests.Golden.Domain, version);
    }

    [Fact]
    public void A_slot_counts_its_size_in_blocks_and_has_no_record_behind_it()
    {
        var reading = Read(Text, version: 4);
        Assert.Equal((SlotError.None, SlotAgreement.NoRecord), (reading.Error, reading.Agreement));
        Assert.Equal((10737418240, 0, 0u, "d1", "2"), (reading.Slot!.CapacityBytes, reading.Slot.Generation, reading.Slot.Sequence, reading.Slot.Alias, reading.Slot.DiskType));
    }

    [Fact]
    public void Neither_version_takes_the_others_size_for_its_own()
    {
        Assert.Equal((SlotError.MissingKey, "CAP"), (Read(Text, version: 5).Error, Read(Text, version: 5).Key));
        Assert.Equal((SlotError.MissingKey, "SIZE"), (Read(Text.Replace("SIZE=", "CAP=", StringComparison.Ordinal), version: 4).Error, "SIZE"));
        Assert.Equal(SlotError.BadValue, Read(Text.Replace("SIZE=20971520", "SIZE=9223372036854775807", StringComparison.Ordinal), version: 4).Error);
    }

    [Fact]
    public void Slots_lie_512_bytes_apart_from_the_start_of_the_volume()
    {
        Assert.Equal(4 * 512, SlotLayout.Of(4).OffsetBytes(4));
        Assert.Equal(1947 * 512, SlotLayout.Of(4).OffsetBytes(1947));
        Assert.Equal(SlotGeometry.OffsetBytes(4), SlotLayout.Of(5).OffsetBytes(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => SlotLayout.Of(4).OffsetBytes(0));
    }

    [Fact]
    public void Its_tags_have_block_sizes_under_other_names_and_come_back_as_they_were()
    {
        var made = new DomainMetadata { Version = 4, Domain = Guid.NewGuid(), VolumeGroupUuid = "x", Others = [new("LOGBLKSIZE", "512"), new("PHYBLKSIZE", "4096")] };
        var tags = made.ToTags();
        Assert.DoesNotContain(tags, tag => tag.Contains("ALIGNMENT", StringComparison.Ordinal) || tag.Contains("BLOCK_SIZE", StringComparison.Ordinal));
        Assert.Equal(DomainError.None, DomainMetadata.TryParse(tags, out var parsed, out _));
        Assert.Equal((4, 512, 1L << 20), (parsed!.Version, parsed.BlockSize, parsed.AlignmentBytes));
        Assert.Equal(tags, parsed.ToTags());
    }
}
