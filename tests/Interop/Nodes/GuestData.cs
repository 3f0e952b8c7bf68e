using OvirtSpm.Node.Activation.Nbd.Client;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>What one guest wrote, through QEMU's own export of its qcow2 disk: every block says where it belongs.</summary>
sealed class GuestData(Guid volume, NbdClient disk)
{
    public const int BlockBytes = 256 << 10;
    const uint NoSpace = 28;

    /// <summary>512 MiB: four extents more than any test leaves free.</summary>
    const long MostBlocks = 2048;

    readonly PatternData pattern = new(volume);

    public NbdClient Disk => disk;

    /// <returns>0, or the error number the guest got.</returns>
    public Task<uint> WriteAsync(long block)
    {
        var bytes = new byte[BlockBytes];
        pattern.Fill(block * BlockBytes, bytes);
        return disk.WriteAsync(block * BlockBytes, bytes, TestContext.Current.CancellationToken);
    }

    /// <summary>Writes blocks in order, a few in flight, and fails with the first error.</summary>
    public async Task WriteAsync(long first, long count, Func<long, Task>? before = null)
    {
        using var inFlight = new SemaphoreSlim(4);
        var writes = new List<Task>();
        for (var block = first; block < first + count; block++)
        {
            if (before is not null)
            {
                await before(block);
            }
            await inFlight.WaitAsync();
            writes.Add(OneAsync(block));
        }
        await Task.WhenAll(writes);

        async Task OneAsync(long block)
        {
            try
            {
                Assert.Equal((block, 0u), (block, await WriteAsync(block)));
            }
            finally
            {
                inFlight.Release();
            }
        }
    }

    public async Task FlushAsync() => Assert.Equal(0u, await disk.FlushAsync(TestContext.Current.CancellationToken));

    public async Task ReadBackAsync(long first, long count)
    {
        var (found, expected) = (new byte[BlockBytes], new byte[BlockBytes]);
        for (var block = first; block < first + count; block++)
        {
            Assert.Equal(0u, await disk.ReadAsync(block * BlockBytes, found, TestContext.Current.CancellationToken));
            pattern.Fill(block * BlockBytes, expected);
            Assert.True(found.AsSpan().SequenceEqual(expected), $"block {block} of volume {volume} does not read as it was written");
        }
    }

    /// <summary>Writes on until a write fails; that must be for want of space.</summary>
    /// <returns>The block that failed, and how long its write was held.</returns>
    public async Task<(long Block, TimeSpan Held)> WriteUntilNoSpaceAsync(long first)
    {
        for (var block = first; block < first + MostBlocks; block++)
        {
            var started = System.Diagnostics.Stopwatch.StartNew();
            if (await WriteAsync(block) is var error && error != 0)
            {
                Assert.Equal(NoSpace, error);
                return (block, started.Elapsed);
            }
        }
        Assert.Fail($"{MostBlocks} blocks from {first} were written and space did not end");
        return default;
    }
}
