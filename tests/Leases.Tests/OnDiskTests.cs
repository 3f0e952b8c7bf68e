using System.Text.Json;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Tests;

public class OnDiskTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void The_checksum_of_the_usual_check_string_is_sanlocks() =>
        Assert.Equal((0xe8c7bb34u, 0xcb5ad842u, 0x7e11fbd1u),
            (LeaseCrc.Compute("123456789"u8), LeaseCrc.Compute(new byte[48]), LeaseCrc.Compute(new byte[168])));

    [Fact]
    public void Every_vector_of_the_real_tools_decodes_to_its_fields_and_encodes_to_its_bytes()
    {
        using var vectors = JsonDocument.Parse(File.ReadAllText(Fixture.PathOf("vectors/vectors.json")));
        var seen = 0;
        foreach (var vector in vectors.RootElement.EnumerateArray())
        {
            var bytes = Convert.FromHexString(vector.GetProperty("hex").GetString()!);
            Check(vector.GetProperty("name").GetString()!, vector.GetProperty("kind").GetString()!, bytes, vector.GetProperty("fields"));
            seen++;
        }

        Assert.Equal(19, seen);
    }

    [Theory]
    [InlineData("v3/lockspace-512-1M", 512, 1, 10)]
    [InlineData("v3/lockspace-512-1M-iot1", 512, 1, 1)]
    [InlineData("v3/lockspace-4096-1M", 4096, 1, 10)]
    [InlineData("v3/lockspace-4096-2M", 4096, 2, 10)]
    [InlineData("v3/lockspace-4096-4M", 4096, 4, 10)]
    [InlineData("v3/lockspace-4096-8M", 4096, 8, 10)]
    public async Task A_new_lockspace_is_byte_for_byte_sanlocks(string fixture, int sectorSize, int mebibytes, int ioTimeout)
    {
        var area = Poisoned(2 * mebibytes * MiB, sectorSize);
        await LockspaceFormat.InitialiseAsync(area, LeaseGeometry.For(sectorSize, mebibytes * MiB), "LS", _ => ioTimeout);
        AssertIs(fixture, area, 0, mebibytes * MiB);
        Assert.All(area.Bytes[(mebibytes * MiB)..], b => Assert.Equal(0xEE, b));
    }

    [Theory]
    [InlineData("v3/resource-512-1M", 512, 1, null)]
    [InlineData("v3/resource-512-1M-numhosts8", 512, 1, 8)]
    [InlineData("v3/resource-4096-1M", 4096, 1, null)]
    [InlineData("v3/resource-4096-2M", 4096, 2, null)]
    [InlineData("v3/resource-4096-4M", 4096, 4, null)]
    [InlineData("v3/resource-4096-8M", 4096, 8, null)]
    public async Task A_new_resource_is_byte_for_byte_sanlocks(string fixture, int sectorSize, int mebibytes, int? hosts)
    {
        var area = Poisoned(3 * mebibytes * MiB, sectorSize);
        await ResourceFormat.InitialiseAsync(area, mebibytes * MiB, LeaseGeometry.For(sectorSize, mebibytes * MiB), "LS", "RES", hosts);
        AssertIs(fixture, area, mebibytes * MiB, mebibytes * MiB);
        Assert.Equal((0xEE, 0xEE), (area.Bytes[(mebibytes * MiB) - 1], area.Bytes[2 * mebibytes * MiB]));
    }

    [Fact]
    public async Task A_lockspace_whose_initialisation_was_cut_off_is_not_one()
    {
        var area = Poisoned(MiB, 512);
        area.Fault = (_, _) => area.Log.Count == 2 ? new IOException("the machine died here") : null;
        var geometry = LeaseGeometry.For(512, MiB);
        await Assert.ThrowsAsync<IOException>(async () => await LockspaceFormat.InitialiseAsync(area, geometry, "LS", _ => 10));
        Assert.Equal(RecordError.WrongMagic, LeaderRecord.TryParse(LeaderKind.HostId, area.Bytes, out _));
    }

    [Fact]
    public async Task Each_host_id_may_have_its_own_io_timeout()
    {
        var area = Poisoned(MiB, 512);
        await LockspaceFormat.InitialiseAsync(area, LeaseGeometry.For(512, MiB), "LS", id => id is >= 240 and <= 249 ? 1 : 10);
        Assert.Equal((10, 1, 1, 10), (IoTimeout(239), IoTimeout(240), IoTimeout(249), IoTimeout(250)));

        int IoTimeout(int id)
        {
            Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.HostId, area.Bytes.AsSpan((id - 1) * 512), out var record));
            return record!.IoTimeoutSeconds;
        }
    }

    [Theory]
    [InlineData("v5/lockspace-512-1M", LeaderKind.HostId)]
    [InlineData("v5/resource-512-1M", LeaderKind.Resource)]
    public void What_sanlock_5_wrote_is_read_and_written_back_unchanged(string fixture, LeaderKind kind)
    {
        var bytes = Fixture.Unzip(fixture + ".bin.gz");
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(kind, bytes, out var leader));
        var again = new byte[512];
        leader!.Format(again);
        Assert.Equal(bytes[..512], again);
    }

    [Fact]
    public async Task A_live_pool_is_shown_with_its_holder_its_versions_and_its_sharers()
    {
        var held = new MemoryArea(Fixture.Unzip("live/pool-ex-held.bin.gz"));
        var geometry = (await LeaseDump.DetectAsync(held, 0))!.Value.Geometry;
        Assert.Equal([1, 2], (await LeaseDump.HostsAsync(held, geometry)).Select(h => h.HostId));
        var resource = await LeaseDump.ResourceAsync(held, MiB, geometry);
        Assert.Equal((1ul, 1ul, 1ul), (resource.Leader!.OwnerId, resource.Leader.OwnerGeneration, resource.Leader.LeaseVersion));

        var shared = new MemoryArea(Fixture.Unzip("live/pool-sh-held.bin.gz"));
        var votes = (await LeaseDump.ResourceAsync(shared, 2 * MiB, geometry)).Votes;
        Assert.Equal([1, 2], votes.Where(v => v.Mode.IsShared).Select(v => v.HostId));

        var asked = new MemoryArea(Fixture.Unzip("live/pool-request-event.bin.gz"));
        Assert.Equal((35ul, 2u), ((await LeaseDump.ResourceAsync(asked, MiB, geometry)).Request.LeaseVersion, (await LeaseDump.ResourceAsync(asked, MiB, geometry)).Request.Mode));
    }

    [Theory]
    [InlineData(512, 2 * MiB)]
    [InlineData(4096, 3 * MiB)]
    [InlineData(1024, MiB)]
    [InlineData(0, 0)]
    public void No_other_geometry_exists(int sectorSize, int alignBytes) =>
        Assert.Throws<ArgumentException>(() => LeaseGeometry.For(sectorSize, alignBytes));

    [Theory]
    [InlineData(2000, MiB)]
    [InlineData(250, 256 * 512)]
    [InlineData(8, 16 * 512)]
    [InlineData(1, 4 * 512)]
    public void A_ballot_reads_a_power_of_two_of_sectors(int hosts, int bytes) =>
        Assert.Equal(bytes, LeaseGeometry.For(512, MiB).BallotReadBytes(hosts));

    [Theory]
    [InlineData("")]
    [InlineData("a name that is longer than the forty-eight bytes which fit")]
    [InlineData("zero\0byte")]
    public void A_name_that_would_not_survive_is_refused(string name) => Assert.Throws<ArgumentException>(() => LeaseName.Of(name));

    private static MemoryArea Poisoned(int bytes, int sectorSize)
    {
        var image = new byte[bytes];
        image.AsSpan().Fill(0xEE);
        return new MemoryArea(image, sectorSize);
    }

    private static void AssertIs(string fixture, MemoryArea area, int offset, int length) =>
        Assert.True(Fixture.Unzip(fixture + ".bin.gz").AsSpan().SequenceEqual(area.Bytes.AsSpan(offset, length)), fixture);

    private static void Check(string name, string kind, byte[] bytes, JsonElement fields)
    {
        var sector = new byte[512];
        var again = new byte[512];
        bytes.CopyTo(sector, kind == "mode" ? ModeBlock.OffsetBytes : 0);
        ulong Field(string field) => fields.GetProperty(field).GetUInt64();
        switch (kind)
        {
            case "leader":
                var of = Field("magic") == 0x12212010 ? LeaderKind.HostId : LeaderKind.Resource;
                var error = LeaderRecord.TryParse(of, sector, out var leader);
                if (Field("magic") == 0x11282016)
                {
                    Assert.Equal(RecordError.Cleared, error);
                    return;
                }

                Assert.Equal((name, RecordError.None), (name, error));
                Assert.Equal(
                    (Field("owner_id"), Field("owner_generation"), Field("lver"), Field("timestamp"), Field("write_id"), Field("unused1"), Field("flags")),
                    (leader!.OwnerId, leader.OwnerGeneration, leader.LeaseVersion, leader.Timestamp, leader.WriteId, leader.Unused1, (ulong)leader.Flags));
                leader.Format(again);
                break;
            case "dblock":
                Assert.Equal((name, RecordError.None), (name, BallotBlock.TryParse(sector, out var vote)));
                Assert.Equal((Field("mbal"), Field("bal"), Field("inp"), Field("inp2"), Field("inp3"), Field("lver"), Field("flags")),
                    (vote.Promised, vote.Accepted, vote.Value.HostId, vote.Value.Generation, vote.Value.Timestamp, vote.LeaseVersion, (ulong)vote.Flags));
                vote.Format(again);
                break;
            case "mode":
                Assert.Equal(RecordError.None, ModeBlock.TryParse(sector, out var mode));
                Assert.Equal((Field("flags"), Field("generation")), ((ulong)mode.Flags, mode.Generation));
                return;
            default:
                Assert.Equal(RecordError.None, RequestRecord.TryParse(sector, out var request));
                Assert.Equal((Field("lver"), Field("force_mode")), (request.LeaseVersion, (ulong)request.Mode));
                request.Format(again);
                break;
        }

        Assert.Equal(sector, again);
    }
}
