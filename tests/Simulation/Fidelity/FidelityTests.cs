using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Fidelity;

/// <summary>What the code above the device relies on holds on the simulated device and on real ones: one contract, run on each.</summary>
/// <remarks>
/// What the simulation does beyond it (a write that lands after its time-out, torn groups of sectors, a path that is cut) cannot be asked
/// of a real device on demand. The locks of R7 are the kernel's: tests/SpmNode.Tests/Linux/RangeLockTests.cs.
/// </remarks>
public class FidelityTests
{
    public static TheoryData<FidelityKind> Kinds => new(Enum.GetValues<FidelityKind>());

    private const int Window = 1 << 20;
    private const long WindowAt = 2 << 20;

    [Theory]
    [MemberData(nameof(Kinds))]
    public Task What_is_not_whole_sectors_inside_the_range_is_refused_and_changes_nothing(FidelityKind kind) =>
        FidelityWorld.RunAsync(kind, async (lun, _) =>
        {
            var sector = lun.SectorSize;
            var before = Pattern(lun, Window, seed: 1);
            await lun.Data.WriteDurableAsync(WindowAt, before);
            var area = lun.Window(WindowAt, Window);
            foreach (var (offset, length) in new (long, int)[]
            {
                (1, sector), (0, 1), (sector, sector + 1), (sector / 2, sector / 2), (-sector, sector), (0, 0),
                (Window, sector), (Window - sector, 2 * sector), (long.MaxValue - sector + 1, sector),
            })
            {
                await RefusedAsync(() => area.ReadAsync(offset, new byte[length]));
                await RefusedAsync(() => area.WriteAsync(offset, new byte[length]));
            }

            foreach (var (offset, length) in new (long, int)[]
            {
                (1, sector), (0, 1), (-sector, sector), (0, 0), (FidelityWorld.SizeBytes, sector), (FidelityWorld.SizeBytes - sector, 2 * sector),
                (long.MaxValue - sector + 1, sector),
            })
            {
                await RefusedAsync(() => lun.Metadata.ReadAsync(offset, new byte[length]));
                await RefusedAsync(() => lun.Metadata.WriteAsync(offset, new byte[length]));
                await RefusedAsync(() => lun.Data.ReadAsync(offset, new byte[length]));
                await RefusedAsync(() => lun.Data.WriteAsync(offset, new byte[length]));
                await RefusedAsync(() => lun.Data.WriteDurableAsync(offset, new byte[length]));
                await RefusedAsync(() => lun.Data.ZeroAsync(offset, length, mayPunch: false));
                await RefusedAsync(() => lun.Data.DiscardAsync(offset, length));
            }

            // Nothing was left out on its way either: that would keep a lease from being given back (R8).
            await lun.WhenAllWritesReturnedAsync();
            Assert.Equal(before, await ReadAsync(lun, WindowAt, Window));
            Assert.Equal(new byte[Window], await ReadAsync(lun, FidelityWorld.SizeBytes - Window, Window));
        });

    [Theory]
    [MemberData(nameof(Kinds))]
    public Task The_device_ends_where_it_says(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, _) =>
    {
        Assert.Equal(FidelityWorld.SizeBytes, lun.SizeBytes);
        Assert.Equal((lun.SectorSize, lun.SizeBytes), (lun.Metadata.SectorSize, lun.Metadata.SizeBytes));
        Assert.Equal((lun.SectorSize, lun.SizeBytes), (lun.Data.SectorSize, lun.Data.SizeBytes));
        Assert.Equal((lun.SectorSize, (long)Window), (lun.Window(WindowAt, Window).SectorSize, lun.Window(WindowAt, Window).SizeBytes));
        var last = Pattern(lun, lun.SectorSize, seed: 2);
        await lun.Metadata.WriteAsync(lun.SizeBytes - lun.SectorSize, last);
        Assert.Equal(last, await ReadAsync(lun, lun.SizeBytes - lun.SectorSize, lun.SectorSize));
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public Task What_one_host_was_told_is_written_every_other_reads_by_every_way(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, other) =>
    {
        Assert.Equal(new byte[Window], await ReadAsync(other, WindowAt, Window));
        var bytes = Pattern(lun, Window, seed: 3);
        await lun.Window(WindowAt, Window).WriteAsync(0, bytes);
        await BothReadAsync();

        bytes = Pattern(lun, Window, seed: 4);
        await lun.Metadata.WriteAsync(WindowAt, bytes);
        await lun.Metadata.FlushAsync();
        await BothReadAsync();

        bytes = Pattern(lun, Window, seed: 5);
        await lun.Data.WriteAsync(WindowAt, bytes);
        await lun.Data.FlushAsync();
        await BothReadAsync();

        async Task BothReadAsync()
        {
            foreach (var host in new[] { lun, other })
            {
                Assert.Equal(bytes, await ReadAsync(host, WindowAt, Window));
                var read = new byte[Window];
                await host.Window(WindowAt, Window).ReadAsync(0, read);
                Assert.Equal(bytes, read);
                read = new byte[Window];
                await host.Metadata.ReadAsync(WindowAt, read);
                Assert.Equal(bytes, read);
            }
        }
    });

    /// A caller that stopped waiting uses its memory for something else, and any memory will do.
    [Theory]
    [MemberData(nameof(Kinds))]
    public Task A_write_takes_the_bytes_as_they_were_when_it_was_called(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, other) =>
    {
        var memory = Pattern(lun, (4 * lun.SectorSize) + 3, seed: 6);
        var data = memory.AsMemory(3);
        var wanted = data.ToArray();
        var write = lun.Window(WindowAt, Window).WriteAsync(lun.SectorSize, data);
        memory.AsSpan().Clear();
        await write;
        var read = new byte[wanted.Length + 5];
        await other.Data.ReadAsync(WindowAt + lun.SectorSize, read.AsMemory(5));
        Assert.Equal(wanted, read[5..]);
        Assert.Equal(new byte[lun.SectorSize], await ReadAsync(other, WindowAt, lun.SectorSize));
    });

    /// R8: whoever waits for writes to return, and then gives something away, must not be overtaken by one of them.
    [Theory]
    [MemberData(nameof(Kinds))]
    public Task When_writes_have_returned_they_are_on_the_device(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, other) =>
    {
        await lun.WhenAllWritesReturnedAsync();
        for (var round = 0; round < 20; round++)
        {
            var bytes = Pattern(lun, Window, seed: 100 + round);
            var lease = lun.Window(WindowAt, Window).WriteAsync(0, bytes).AsTask();
            var metadata = lun.Metadata.WriteAsync(WindowAt + Window, bytes).AsTask();
            await lun.WhenControlWritesReturnedAsync();
            Assert.Equal(bytes, await ReadAsync(other, WindowAt, Window));
            Assert.Equal(bytes, await ReadAsync(other, WindowAt + Window, Window));
            var data = lun.Data.WriteAsync(WindowAt, Pattern(lun, Window, seed: 200 + round)).AsTask();
            await lun.WhenAllWritesReturnedAsync();
            Assert.Equal(Pattern(lun, Window, seed: 200 + round), await ReadAsync(other, WindowAt, Window));
            await Task.WhenAll(lease, metadata, data);
        }
    });

    /// Votes and headers are one sector each. Which of two writes a read sees is free, for each sector by itself; half of one never is.
    [Theory]
    [MemberData(nameof(Kinds))]
    public Task A_sector_is_read_as_one_write_left_it(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, other) =>
    {
        const int Sectors = 16;
        var writing = WriteAsync();
        var seen = new HashSet<byte>();
        while (!writing.IsCompleted)
        {
            var read = await ReadAsync(other, WindowAt, Sectors * lun.SectorSize);
            for (var sector = 0; sector < Sectors; sector++)
            {
                var bytes = read.AsSpan(sector * lun.SectorSize, lun.SectorSize);
                Assert.False(bytes.ContainsAnyExcept(bytes[0]), $"sector {sector} is torn: it begins with {bytes[0]} and holds something else, too");
                seen.Add(bytes[0]);
            }
        }

        await writing;
        Assert.True(seen.Count > 1, "no write was seen while it went on: nothing was tried");

        async Task WriteAsync()
        {
            var area = lun.Window(WindowAt, Window);
            for (var round = 1; round <= 200; round++)
            {
                var bytes = new byte[Sectors * lun.SectorSize];
                bytes.AsSpan().Fill((byte)round);
                await area.WriteAsync(0, bytes);
            }
        }
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public Task Zeroing_reads_as_zeros_and_leaves_its_neighbours(FidelityKind kind) => FidelityWorld.RunAsync(kind, async (lun, other) =>
    {
        var bytes = Pattern(lun, Window, seed: 8);
        foreach (var mayPunch in new[] { false, true })
        {
            await lun.Data.WriteDurableAsync(WindowAt, bytes);
            await lun.Data.ZeroAsync(WindowAt + lun.SectorSize, Window - (2 * lun.SectorSize), mayPunch);
            var read = await ReadAsync(other, WindowAt, Window);
            Assert.Equal(bytes[..lun.SectorSize], read[..lun.SectorSize]);
            Assert.False(read.AsSpan(lun.SectorSize..^lun.SectorSize).ContainsAnyExcept((byte)0));
            Assert.Equal(bytes[^lun.SectorSize..], read[^lun.SectorSize..]);
        }
    });

    private static async Task RefusedAsync(Func<ValueTask> io) => await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await io());

    private static async Task<byte[]> ReadAsync(ILun lun, long offset, int length)
    {
        var bytes = new byte[length];
        await lun.Data.ReadAsync(offset, bytes);
        return bytes;
    }

    private static byte[] Pattern(ILun lun, int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed + lun.SectorSize).NextBytes(bytes);
        return bytes;
    }
}
