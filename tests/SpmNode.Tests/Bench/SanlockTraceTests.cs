using OvirtSpm.Node.Bench;

namespace OvirtSpm.Node.Tests.Bench;

/// Lines as strace writes them of a daemon that joined, renewed, acquired and released.
public class SanlockTraceTests
{
    const long MiB = 1 << 20;

    [Fact]
    public void Every_request_on_the_file_is_read_also_from_a_line_that_another_thread_cut() => Assert.Equal(
        [new LeaseIoRecord(false, 0, 4096), new LeaseIoRecord(true, 512, 512)],
        SanlockTrace.Read(
        [
            "11 io_submit(0x7f, 1, [{aio_data=0, aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=11</tmp/f>, aio_buf=0x7f88b0001000, aio_nbytes=4096, aio_offset=0}]) = 1",
            "11 pread64(3</usr/lib/libc.so.6>, \"\\6\\0\\0\\0\"..., 784, 64) = 784",
            "12 io_submit(0x7f, 1, [{aio_data=0, aio_lio_opcode=IOCB_CMD_PWRITE, aio_fildes=11</tmp/f>, aio_buf=\"\\20 !\\22\"..., aio_nbytes=512, aio_offset=512}] <unfinished ...>",
            "12 <... io_submit resumed>) = 1",
            "12 io_submit(0x7f, 1, [{aio_data=0, aio_lio_opcode=IOCB_CMD_PREAD, aio_fildes=9</tmp/f2>, aio_buf=0x7f88b0001000, aio_nbytes=4096, aio_offset=0}]) = 1",
            "",
        ], "/tmp/f"));

    [Fact]
    public void A_request_that_is_not_understood_is_no_silent_zero() =>
        Assert.Throws<FormatException>(() => SanlockTrace.Read(["11 preadv(7</tmp/f>, 0x7f, 1, 0) = 512"], "/tmp/f"));

    [Fact]
    public void Requests_are_sorted_into_renewals_acquire_and_release_and_joining_is_left_out()
    {
        LeaseIoRecord[] join = [new(false, 0, 4096), new(false, 0, 512), new(true, 0, 512), new(false, 0, 512)];
        LeaseIoRecord[] renewal = [new(false, 0, MiB), new(true, 0, 512)];
        LeaseIoRecord[] acquire = [new(false, MiB, MiB), new(true, MiB + 1024, 512), new(true, MiB, 512)];
        LeaseIoRecord[] release = [new(true, MiB + 1024, 512), new(true, MiB, 512)];
        var cut = new LeaseIoRecord(false, 0, MiB);
        var cost = SanlockTrace.Sort([.. join, .. renewal, .. acquire, .. renewal, .. release, cut], MiB);
        Assert.Equal(new LeaseCost(new IoCost(1, 1, MiB, 512), new IoCost(1, 2, MiB, 1024), new IoCost(0, 2, 0, 1024)), cost);
        Assert.Null(SanlockTrace.Sort([.. join, .. renewal, .. acquire], MiB));
        Assert.Null(SanlockTrace.Sort([.. join, .. acquire, .. release], MiB));
    }
}
