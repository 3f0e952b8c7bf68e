using System.IO.Pipelines;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>Two ends of a connection. Whoever writes runs the other side's reader to its next wait: no thread but the test's.</summary>
internal sealed class InMemoryDuplex
{
    private static readonly PipeOptions Inline = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false);

    public InMemoryDuplex()
    {
        Pipe down = new(Inline), up = new(Inline);
        Client = new End(down.Reader.AsStream(), up.Writer.AsStream());
        Server = new End(up.Reader.AsStream(), down.Writer.AsStream());
    }

    public Stream Client { get; }

    public Stream Server { get; }

    private sealed class End(Stream from, Stream to) : Stream
    {
        public override bool CanRead => true;
        public override bool CanWrite => true;
        public override bool CanSeek => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() => to.Flush();
        public override Task FlushAsync(CancellationToken stop) => to.FlushAsync(stop);
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken stop = default) => from.ReadAsync(buffer, stop);
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken stop = default) => to.WriteAsync(buffer, stop);
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            to.Dispose();
            from.Dispose();
        }
    }
}
