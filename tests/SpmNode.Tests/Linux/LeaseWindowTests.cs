using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class LeaseWindowTests
{
    [Fact]
    public async Task A_window_writes_at_its_place_and_nowhere_else()
    {
        using var file = new ScratchFile(1 << 20);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("leases");
        var window = new LeaseWindow(lane, 64 * 1024, 8192);
        var sector = new byte[512];
        Array.Fill(sector, (byte)9);
        await window.WriteAsync(8192 - 512, sector);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await window.WriteAsync(8192, sector));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await window.WriteAsync(-512, sector));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await window.WriteAsync(1, sector));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await window.ReadAsync(8192 - 512, new byte[1024]));
        var back = new byte[512];
        await window.ReadAsync(8192 - 512, back);
        Assert.Equal(sector, back);

        var expected = new byte[1 << 20];
        sector.CopyTo(expected, 64 * 1024 + 8192 - 512);
        Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(file.Path)));
    }

    [Theory]
    [InlineData(100, 512)]
    [InlineData(0, 100)]
    [InlineData(1 << 20, 512)]
    [InlineData(0, 2 << 20)]
    public void A_window_outside_the_device_or_between_sectors_is_refused(long start, long size)
    {
        using var file = new ScratchFile(1 << 20);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("leases");
        Assert.Throws<ArgumentOutOfRangeException>(() => new LeaseWindow(lane, start, size));
    }

    [Fact]
    public async Task A_physical_volume_area_is_the_whole_device()
    {
        using var file = new ScratchFile(1 << 20);
        using var device = DirectBlockDevice.Open(file.Path, sectorSize: 4096);
        using var lane = device.OpenLane("metadata");
        var area = new PvArea(lane);
        Assert.Equal((4096, 1L << 20, file.Path), (area.SectorSize, area.SizeBytes, area.Name));
        await area.WriteAsync((1 << 20) - 4096, new byte[4096]);
        await area.FlushAsync();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await area.ReadAsync(512, new byte[4096]));
    }
}
