using System.Text;
using FsCheck.Fluent;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Tests.Doubles;

namespace OvirtSpm.Monitor.Tests.Qmp;

public class QmpLineReaderTests
{
    /// The naive twin: split the whole at newlines. However the bytes were cut on their way, the lines are the same.
    [Fact]
    public void Lines_are_the_same_however_the_bytes_were_cut() => Holds.ForAll(
        from text in Gen.Elements('a', '\n', '\r', '{', 'é').ArrayOf().Resize(200)
        from pieces in Gen.Choose(1, 40).ArrayOf()
        select (Text: new string(text), Pieces: pieces),
        sample =>
        {
            var bytes = Encoding.UTF8.GetBytes(sample.Text);
            var whole = sample.Text.Split('\n')[..^1].Select(line => line.EndsWith('\r') ? line[..^1] : line).Where(line => line.Length > 0);
            var reader = new QmpLineReader(new ChoppedStream(bytes, sample.Pieces), 10_000);
            List<string> lines = [];
            while (reader.ReadAsync(default).AsTask().Result is { } line)
                lines.Add(Encoding.UTF8.GetString(line.Span));
            Assert.Equal(whole, lines);
        });

    [Fact]
    public async Task A_line_over_the_limit_is_refused_and_takes_no_more_memory_than_the_limit()
    {
        var endless = new EndlessStream();
        var reader = new QmpLineReader(endless, 1 << 20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = await Assert.ThrowsAsync<QmpSessionException>(() => reader.ReadAsync(default).AsTask());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3 << 20);
        Assert.Equal(1 << 20, endless.Given);
        Assert.Contains("longer than 1048576 bytes", refused.Message);
    }

    [Fact]
    public async Task A_line_of_exactly_the_limit_is_read()
    {
        var reader = new QmpLineReader(new MemoryStream(Encoding.ASCII.GetBytes(new string('x', 99) + "\ny\n")), 100);
        Assert.Equal(99, (await reader.ReadAsync(default))!.Value.Length);
        Assert.Equal(1, (await reader.ReadAsync(default))!.Value.Length);
        Assert.Null(await reader.ReadAsync(default));
    }

    private sealed class ChoppedStream(byte[] bytes, int[] pieces) : MemoryStream(bytes)
    {
        private int turn;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken stop = default)
        {
            var most = pieces.Length == 0 ? buffer.Length : pieces[turn++ % pieces.Length];
            return base.ReadAsync(buffer[..Math.Min(most, buffer.Length)], stop);
        }
    }

    private sealed class EndlessStream : MemoryStream
    {
        public int Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken stop = default)
        {
            buffer.Span.Fill((byte)'x');
            Given += buffer.Length;
            return new(buffer.Length);
        }
    }
}
