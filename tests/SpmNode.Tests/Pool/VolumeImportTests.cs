using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class VolumeImportTests
{
    const long Mib = 1L << 20;
    static readonly Guid volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    [Fact]
    public async Task Nobody_sees_a_volume_before_it_is_full_and_it_gets_the_space_its_content_needs()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        IReadOnlyList<Node.Api.VolumeReply> during = [];
        term.Transfer = new ScriptedTransfer { Import = async (_, _, _) => during = await TestDomain.VolumesAsync(term.Lun.Copy()) };
        using var file = Source(1 << 30);
        var made = await term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0), outside: new ImageOrigin.FileOf(file));
        Assert.Equal("initializing", Assert.Single(during).State);
        // 300 MiB as measured, one chunk of room, whole extents.
        Assert.Equal((1L << 30, 512 * Mib), (made.Slot!.CapacityBytes, made.AllocatedBytes));
    }

    [Fact]
    public async Task Stopped_half_way_it_is_taken_back_and_its_slot_and_space_are_free_again()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (free, group) = (term.Term.Worker.Current.FreeExtents, term.Term.Volumes.ReserveSlot());
        term.Term.Volumes.ReleaseSlot(group);
        using var cancelled = new CancellationTokenSource();
        var filling = new TaskCompletionSource();
        term.Transfer = new ScriptedTransfer
        {
            Import = async (_, _, stop) =>
            {
                filling.SetResult();
                await Task.Delay(Timeout.Infinite, stop);
            },
        };
        using var file = Source(1 << 30);
        var importing = term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0), outside: new ImageOrigin.FileOf(file), stop: cancelled.Token);
        await filling.Task;
        Assert.Single(await TestDomain.VolumesAsync(term.Lun.Copy()));
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => importing);
        Assert.Empty(await TestDomain.VolumesAsync(term.Lun.Copy()));
        Assert.Equal((free, group), (term.Term.Worker.Current.FreeExtents, term.Term.Volumes.ReserveSlot()));
        Assert.True(term.Maps.TryHold(group));
    }

    [Fact]
    public async Task A_stop_that_comes_when_it_is_full_still_takes_it_back_and_one_that_comes_later_does_nothing()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        using var early = new CancellationTokenSource();
        term.Transfer = new ScriptedTransfer { Import = (_, _, _) => early.CancelAsync() };
        using var file = Source(1 << 30);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0), outside: new ImageOrigin.FileOf(file), stop: early.Token));
        Assert.Empty(await TestDomain.VolumesAsync(term.Lun.Copy()));

        term.Transfer = new ScriptedTransfer();
        using var late = new CancellationTokenSource();
        var made = await term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0), outside: new ImageOrigin.FileOf(file), stop: late.Token);
        await late.CancelAsync();
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun.Copy())).State);
        Assert.Equal(1L << 30, made.Slot!.CapacityBytes);
    }

    [Fact]
    public async Task A_raw_volume_reads_as_zeros_behind_the_disk_that_fills_it()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        using var file = Source((200 * Mib) + 1000);
        var made = await term.Creation.CreateAsync(TestTerm.Request(volume, "raw", 0), outside: new ImageOrigin.FileOf(file));
        Assert.Equal(256 * Mib, made.Slot!.CapacityBytes);
        // From the last 4 KiB that the disk fills: its end is inside a sector.
        Assert.Equal(56 * Mib, term.Zeroed.Sum(segment => segment.LengthBytes));
    }

    [Fact]
    public async Task A_disk_larger_than_what_was_asked_for_is_refused_before_anything_is_written()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var writes = term.Lun.Writes;
        using var file = Source(1 << 30);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 512 * Mib), outside: new ImageOrigin.FileOf(file)));
        Assert.Contains("the end of its disk would be lost", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(writes, term.Lun.Writes);
    }

    internal static ImageSource Source(long bytes) => new("disk.raw", DiskFormat.Raw, new NoFile(), bytes);

    sealed class NoFile : IImageFile
    {
        public long SizeBytes => 0;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
