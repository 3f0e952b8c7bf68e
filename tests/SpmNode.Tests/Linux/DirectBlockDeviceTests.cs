using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class DirectBlockDeviceTests
{
    const int MiB = 1 << 20;

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task What_was_written_is_read_back_from_a_file(int sectorSize)
    {
        using var file = new ScratchFile(8 * MiB);
        using var device = DirectBlockDevice.Open(file.Path, sectorSize: sectorSize);
        await WritesComeBack(device, file.Path, sectorSize);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task What_was_written_is_read_back_from_a_loop_device(int sectorSize)
    {
        using var file = new ScratchFile(8 * MiB);
        using var loop = new LoopDevice(file, sectorSize);
        using var device = DirectBlockDevice.Open(loop.Path);
        Assert.True(device.IsBlockDevice);
        await WritesComeBack(device, file.Path, sectorSize);
    }

    [Fact]
    public void A_block_device_keeps_its_own_sector_size()
    {
        using var file = new ScratchFile(8 * MiB);
        using var loop = new LoopDevice(file, 4096);
        var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(loop.Path, sectorSize: 512));
        Assert.Equal(DeviceProblem.SectorSize, refused.Problem);
    }

    [Fact]
    public void A_file_system_below_with_larger_sectors_is_told_apart_from_one_without_direct_io()
    {
        Tool.Needs("mkfs.ext4");
        using var file = new ScratchFile(64 * MiB);
        using var loop = new LoopDevice(file, 4096);
        Tool.Run("mkfs.ext4", "-q", loop.Path);
        var mountPoint = Directory.CreateDirectory(file.Beside("mnt")).FullName;
        var (code, _, errors) = Tool.Try("mount", loop.Path, mountPoint);
        Assert.SkipUnless(code == 0, $"mount is not possible here: {errors.Trim()}");
        try
        {
            var lun = Path.Combine(mountPoint, "lun");
            File.WriteAllBytes(lun, new byte[MiB]);
            var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(lun));
            Assert.Equal(DeviceProblem.SectorSize, refused.Problem);
            Assert.Contains("4096", refused.Message);
            DirectBlockDevice.Open(lun, sectorSize: 4096).Dispose();
        }
        finally
        {
            Tool.Run("umount", mountPoint);
        }
    }

    [Theory]
    [InlineData(1, 512)]
    [InlineData(0, 1)]
    [InlineData(512, 513)]
    [InlineData(-512, 512)]
    [InlineData(0, 0)]
    [InlineData(8 * MiB, 512)]
    [InlineData(8 * MiB - 512, 1024)]
    [InlineData(long.MaxValue - 511, 512)]
    public async Task A_request_that_is_not_whole_sectors_inside_the_device_never_reaches_it(long offset, int length)
    {
        using var file = new ScratchFile(8 * MiB);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("data");
        var data = new byte[length];
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.ReadAsync(offset, data));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.WriteAsync(offset, data));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.WriteDurableAsync(offset, data));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.ZeroAsync(offset, length, true));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.DiscardAsync(offset, length));
        Assert.Equal(0, device.OutstandingWrites);
    }

    [Fact]
    public async Task A_device_with_4096_byte_sectors_takes_no_512_byte_write()
    {
        using var file = new ScratchFile(8 * MiB);
        using var device = DirectBlockDevice.Open(file.Path, sectorSize: 4096);
        using var lane = device.OpenLane("leases");
        var refused = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await lane.WriteAsync(512, new byte[512]));
        Assert.Contains("whole sectors of 4096 bytes", refused.Message);
    }

    [Fact]
    public async Task Memory_that_is_not_aligned_is_carried_over()
    {
        using var file = new ScratchFile(8 * MiB);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("data");
        var memory = new byte[4096 + 3];
        Random.Shared.NextBytes(memory);
        await lane.WriteAsync(512, memory.AsMemory(3, 4096));
        var back = new byte[4096 + 5];
        await lane.ReadAsync(512, back.AsMemory(5, 4096));
        Assert.Equal(memory.AsSpan(3), back.AsSpan(5));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_zeroed_range_reads_as_zeros_and_its_neighbours_are_untouched(bool mayPunch)
    {
        using var file = new ScratchFile(8 * MiB);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("data");
        await ZeroesOnlyItsRange(lane, mayPunch);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_zeroed_range_of_a_loop_device_reads_as_zeros(int sectorSize)
    {
        using var file = new ScratchFile(8 * MiB);
        using var loop = new LoopDevice(file, sectorSize);
        using var device = DirectBlockDevice.Open(loop.Path);
        using var lane = device.OpenLane("data");
        await ZeroesOnlyItsRange(lane, mayPunch: false);
        await lane.DiscardAsync(0, MiB);
    }

    [Theory]
    [InlineData("/nowhere/at/all", DeviceProblem.NotFound)]
    [InlineData("", DeviceProblem.NotFound)]
    [InlineData("/tmp", DeviceProblem.NotADevice)]
    [InlineData("/dev/null", DeviceProblem.NotADevice)]
    public void A_path_that_is_no_device_is_refused(string path, DeviceProblem problem)
    {
        var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(path));
        Assert.Equal(problem, refused.Problem);
    }

    [Fact]
    public void A_pipe_is_refused_without_waiting_for_its_other_end()
    {
        Tool.Needs("mkfifo");
        using var file = new ScratchFile(0);
        Tool.Run("mkfifo", file.Beside("pipe"));
        var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(file.Beside("pipe")));
        Assert.Equal(DeviceProblem.NotADevice, refused.Problem);
    }

    [Fact]
    public void A_file_system_without_direct_io_is_named_with_the_remedy()
    {
        var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open("/proc/self/comm"));
        Assert.Equal(DeviceProblem.NoDirectIo, refused.Problem);
        Assert.Contains("/proc/self/comm", refused.Message);
        Assert.Contains("ext4 or xfs", refused.Message);
    }

    [Fact]
    public void A_file_that_is_too_small_is_refused_with_both_sizes()
    {
        using var file = new ScratchFile(MiB);
        var refused = Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(file.Path, minimumBytes: 2 * MiB));
        Assert.Equal(DeviceProblem.TooSmall, refused.Problem);
        Assert.Contains("1048576", refused.Message);
        Assert.Contains("2097152", refused.Message);
        using var empty = new ScratchFile(0);
        Assert.Equal(DeviceProblem.TooSmall, Assert.Throws<DeviceRefusedException>(() => DirectBlockDevice.Open(empty.Path)).Problem);
    }

    [Fact]
    public async Task A_device_opened_for_reading_writes_nothing()
    {
        using var file = new ScratchFile(MiB);
        using var device = DirectBlockDevice.Open(file.Path, readOnly: true);
        using var lane = device.OpenLane("inspect");
        await lane.ReadAsync(0, new byte[512]);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await lane.WriteAsync(0, new byte[512]));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await lane.ZeroAsync(0, 512, true));
    }

    [Fact]
    public async Task A_device_that_shrank_gives_an_error_and_not_old_memory()
    {
        using var file = new ScratchFile(2 * MiB);
        using var device = DirectBlockDevice.Open(file.Path);
        using var lane = device.OpenLane("data");
        using (var handle = File.OpenWrite(file.Path))
        {
            handle.SetLength(MiB);
        }

        var failed = await Assert.ThrowsAsync<IOException>(async () => await lane.ReadAsync(MiB, new byte[4096]));
        Assert.Contains("4096 bytes at 1048576", failed.Message);
        Assert.Contains(file.Path, failed.Message);
    }

    [Fact]
    public async Task What_was_accepted_before_closing_is_still_written()
    {
        using var file = new ScratchFile(8 * MiB);
        var device = DirectBlockDevice.Open(file.Path);
        var lane = device.OpenLane("data", threads: 1);
        var data = new byte[4096];
        Array.Fill(data, (byte)7);
        var writes = Enumerable.Range(0, 64).Select(i => lane.WriteAsync(i * 4096L, data).AsTask()).ToArray();
        var returned = device.WhenWritesReturnedAsync();
        device.Dispose();
        await Task.WhenAll(writes);
        await returned;
        Assert.Equal(0, lane.OutstandingWrites);
        Assert.All(File.ReadAllBytes(file.Path).Take(64 * 4096), value => Assert.Equal(7, value));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await lane.WriteAsync(0, data));
    }

    static async Task WritesComeBack(DirectBlockDevice device, string backing, int sectorSize)
    {
        Assert.Equal(sectorSize, device.SectorSize);
        Assert.Equal(8 * MiB, device.SizeBytes);
        using var data = device.OpenLane("data", threads: 4);
        using var leases = device.OpenLane("leases");
        using var buffer = AlignedBufferPool.Shared.RentAligned(MiB);
        Random.Shared.NextBytes(buffer.GetSpan());
        await data.WriteAsync(MiB, buffer.Slice(0, MiB));
        var sector = new byte[sectorSize];
        Array.Fill(sector, (byte)0xA5);
        await leases.WriteDurableAsync(3 * MiB, sector);
        await data.FlushAsync();

        var back = new byte[MiB];
        await leases.ReadAsync(MiB, back);
        Assert.True(buffer.GetSpan()[..MiB].SequenceEqual(back));
        Assert.Equal(0, device.OutstandingWrites);
        var stored = File.ReadAllBytes(backing);
        Assert.Equal(back, stored.AsSpan(MiB, MiB));
        Assert.Equal(sector, stored.AsSpan(3 * MiB, sectorSize));
        Assert.All(stored.AsSpan(3 * MiB + sectorSize).ToArray(), value => Assert.Equal(0, value));
    }

    static async Task ZeroesOnlyItsRange(DeviceLane lane, bool mayPunch)
    {
        var ones = new byte[4 * MiB];
        Array.Fill(ones, (byte)1);
        await lane.WriteAsync(0, ones);
        await lane.ZeroAsync(MiB, 2 * MiB - lane.SectorSize, mayPunch);
        var back = new byte[4 * MiB];
        await lane.ReadAsync(0, back);
        Array.Clear(ones, MiB, 2 * MiB - lane.SectorSize);
        Assert.True(ones.AsSpan().SequenceEqual(back));
    }
}
