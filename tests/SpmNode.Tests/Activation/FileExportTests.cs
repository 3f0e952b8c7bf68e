using OvirtSpm.Node.Activation.Images;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Tests.Activation;

public sealed class FileExportTests
{
    [Fact]
    public async Task A_file_that_ends_inside_a_sector_is_served_with_zeros_behind_it_and_not_written()
    {
        var export = new FileExport("f", new SparseFile([.. Enumerable.Repeat((byte)7, 1000)], []));
        Assert.Equal(1024, export.SizeBytes);
        var buffer = Enumerable.Repeat((byte)9, 1024).ToArray();
        Assert.Equal(NbdError.None, await export.ReadAsync(0, buffer, default));
        Assert.Equal((1000, 24), (buffer.Count(value => value == 7), buffer.Count(value => value == 0)));
        Assert.Equal(NbdError.Invalid, await export.ReadAsync(512, new byte[1024], default));
        Assert.Equal(NbdError.NotPermitted, await export.WriteAsync(0, buffer, false, default));
        Assert.Equal(NbdError.NotPermitted, await export.WriteZeroesAsync(0, 512, default, default));
    }

    /// Whatever the holes: the runs cover the range without a gap, and no byte of data is told to be a hole.
    [Fact]
    public void Holes_are_told_in_whole_sectors_and_never_over_data()
    {
        var random = new Random(5);
        for (var round = 0; round < 500; round++)
        {
            var size = random.Next(1, 20000);
            var data = new bool[size];
            for (var runs = random.Next(0, 6); runs > 0; runs--)
            {
                var from = random.Next(size);
                data.AsSpan(from, random.Next(1, size - from + 1)).Fill(true);
            }
            var export = new FileExport("f", new SparseFile(new byte[size], data));
            long at = 0;
            while (at < export.SizeBytes)
            {
                foreach (var extent in export.BlockStatus(at, export.SizeBytes - at, random.Next(1, 5)))
                {
                    Assert.True(extent.LengthBytes > 0 && extent.LengthBytes % 512 == 0);
                    var inside = data.AsSpan((int)Math.Min(at, size), (int)Math.Min(extent.LengthBytes, Math.Max(0, size - at)));
                    Assert.False(extent.State != NbdAllocation.Allocated && inside.Contains(true), $"round {round}: data at {at} is told to be a hole");
                    at += extent.LengthBytes;
                }
            }
            Assert.Equal(export.SizeBytes, at);
        }
    }

    sealed class SparseFile(byte[] bytes, bool[] data) : IImageFile
    {
        public long SizeBytes => bytes.Length;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
        {
            bytes.AsMemory((int)offsetBytes, buffer.Length).CopyTo(buffer);
            return ValueTask.CompletedTask;
        }

        public (bool IsData, long EndBytes) RunAt(long offsetBytes)
        {
            var rest = data.AsSpan((int)offsetBytes);
            var run = rest.IndexOf(!rest[0]);
            return (rest[0], run < 0 ? bytes.Length : offsetBytes + run);
        }

        public void Dispose()
        {
        }
    }
}
