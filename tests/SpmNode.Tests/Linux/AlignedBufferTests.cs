using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class AlignedBufferTests
{
    [Fact]
    public void Every_buffer_is_page_aligned_and_large_enough()
    {
        using var pool = new AlignedBufferPool();
        Prop.ForAll(Gen.Choose(0, 3 << 20).ToArbitrary(), length =>
        {
            using var buffer = pool.RentAligned(length);
            using var pin = buffer.Pin();
            unsafe
            {
                return (nuint)pin.Pointer % AlignedBuffer.Alignment == 0 && buffer.Capacity >= length && buffer.Capacity <= Math.Max(4096, length * 2);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Memory_in_use_by_an_io_is_not_handed_out_again()
    {
        using var pool = new AlignedBufferPool();
        var first = pool.RentAligned(4096);
        first.Retain();
        ((IDisposable)first).Dispose();
        using var second = pool.RentAligned(4096);
        Assert.NotSame(first, second);
        first.Release();
        using var third = pool.RentAligned(4096);
        Assert.Same(first, third);
    }

    [Fact]
    public void Giving_back_twice_by_the_renter_is_harmless()
    {
        using var pool = new AlignedBufferPool();
        var first = pool.RentAligned(4096);
        ((IDisposable)first).Dispose();
        ((IDisposable)first).Dispose();
        using var second = pool.RentAligned(4096);
        using var third = pool.RentAligned(4096);
        Assert.NotSame(second, third);
    }

    [Fact]
    public void Idle_memory_is_bounded()
    {
        using var pool = new AlignedBufferPool(idleBytesMax: 8192);
        var buffers = Enumerable.Range(0, 8).Select(_ => pool.RentAligned(4096)).ToList();
        buffers.ForEach(buffer => ((IDisposable)buffer).Dispose());
        Assert.Equal(8192, pool.IdleBytes);
    }

    [Fact]
    public void A_request_beyond_the_largest_size_is_refused()
    {
        using var pool = new AlignedBufferPool();
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.RentAligned(pool.MaxBufferSize + 1));
    }
}
