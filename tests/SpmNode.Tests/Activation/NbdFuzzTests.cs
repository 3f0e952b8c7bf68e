using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Tests;

namespace OvirtSpm.Node.Tests.Activation;

/// <summary>Whatever a client sends: an answer or the end of the connection, within bounded memory.</summary>
public class NbdFuzzTests
{
    static readonly byte[] Enter = [.. NbdClient.Number(3), .. "IHAVEOPT"u8, .. NbdClient.Number(8), .. NbdClient.Number(0),
        .. "IHAVEOPT"u8, .. NbdClient.Number(7), .. NbdClient.Number(6), .. NbdClient.Go("")];

    [Fact]
    public void Any_bytes_end_the_handshake_in_order()
    {
        Prop.ForAll(Options().ToArbitrary(), Survives).Check(PropertyRuns.Of(500));
    }

    [Fact]
    public void Any_requests_are_answered_or_end_the_connection()
    {
        Prop.ForAll(Requests().ToArbitrary(), bytes => Survives([.. Enter, .. bytes])).Check(PropertyRuns.Of(500));
    }

    [Fact]
    public void Lengths_on_the_wire_do_not_become_memory()
    {
        var device = new MemoryDevice(256 << 10);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(device, [.. NbdClient.Number(3), .. "IHAVEOPT"u8, .. NbdClient.Number(7), .. NbdClient.Number(uint.MaxValue), 1, 2, 3]);
        Run(device, [.. Enter, .. NbdClient.Number(0x25609513), 0, 0, 0, 1, .. new byte[16], .. NbdClient.Number(uint.MaxValue & ~511u), 1, 2, 3]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    static bool Survives(byte[] fromClient)
    {
        var device = new MemoryDevice(256 << 10);
        Run(device, fromClient);
        return device.Bytes.AsSpan(0, 64 << 10).IndexOfAnyExcept((byte)0) < 0 && device.Bytes.AsSpan(192 << 10).IndexOfAnyExcept((byte)0) < 0;
    }

    static void Run(MemoryDevice device, byte[] fromClient)
    {
        var export = new VolumeExport(
            new("disk", 512 << 10) { HoldLimit = TimeSpan.FromMilliseconds(1) }, new([new(device, 64 << 10, 128 << 10)], 1, 1), 512,
            new GrowthCallback((_, _) => Task.FromResult(GrowthAnswer.PoolFull)), TimeProvider.System);
        var stream = new ScriptStream(fromClient);
        var connection = new NbdConnection(stream, export, new(), new NbdOrphans());
        try
        {
            Assert.True(connection.RunAsync(default).Wait(TimeSpan.FromSeconds(20)), "The connection hangs.");
        }
        catch (AggregateException problem) when (problem.InnerException is InvalidDataException)
        {
            // The documented end of a client that does not speak the protocol.
        }

        Assert.True(connection.Drained.Wait(TimeSpan.FromSeconds(20)), "A request never ended.");
    }

    static Gen<byte[]> Bytes(int max) => Gen.Choose(0, max).SelectMany(length => Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf(length));

    static Gen<byte[]> Options() =>
        from flags in Gen.Elements(3u, 1u, 0u, 0xFFFFFFFFu)
        from options in (
            from magic in Gen.Frequency((20, Gen.Constant("IHAVEOPT"u8.ToArray())), (1, Bytes(8)))
            from option in Gen.Choose(0, 12)
            from data in Gen.OneOf(Bytes(40), Gen.Constant(NbdClient.Go("disk", 3)), Gen.Constant(new byte[] { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 98, 97, 115, 101, 58 }))
            from length in Gen.Frequency((10, Gen.Constant((uint)data.Length)), (1, Gen.Elements(0u, 5u, 70_000u, uint.MaxValue)))
            select (byte[])[.. magic, .. NbdClient.Number((uint)option), .. NbdClient.Number(length), .. data]).ListOf()
        select (byte[])[.. NbdClient.Number(flags), .. options.SelectMany(one => one)];

    static Gen<byte[]> Requests() => (
        from magic in Gen.Frequency((50, Gen.Constant(0x25609513u)), (1, Gen.Constant(7u)))
        from flags in Gen.Frequency((5, Gen.Constant(0)), (1, Gen.Choose(0, 63)))
        from command in Gen.Choose(0, 9)
        from offset in Gen.OneOf(Gen.Choose(0, 1100).Select(sector => (ulong)sector * 512), Gen.Elements(1ul, ulong.MaxValue, ulong.MaxValue - 511, 1ul << 63))
        from length in Gen.OneOf(Gen.Choose(0, 64).Select(sectors => (uint)sectors * 512), Gen.Elements(1u, 513u, uint.MaxValue))
        from data in command == 1 && length < 100_000 ? Gen.Constant(Enumerable.Repeat((byte)0x5A, (int)length).ToArray()) : Bytes(4)
        select (byte[])[.. NbdClient.Number(magic), .. NbdClient.Short((ushort)flags), .. NbdClient.Short((ushort)command), .. NbdClient.Long(42), .. NbdClient.Long(offset), .. NbdClient.Number(length), .. data])
        .ListOf().Select(requests => requests.SelectMany(one => one).ToArray());

    /// <summary>Gives prepared bytes and then the end; takes what is written.</summary>
    sealed class ScriptStream(byte[] input) : Stream
    {
        int position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var length = Math.Min(count, input.Length - position);
            input.AsSpan(position, length).CopyTo(buffer.AsSpan(offset));
            position += length;
            return length;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var length = Math.Min(buffer.Length, input.Length - position);
            input.AsSpan(position, length).CopyTo(buffer.Span);
            position += length;
            return new(length);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => default;

        public override void Write(byte[] buffer, int offset, int count)
        {
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
