using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Watermark;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Guests;

/// <summary>A guest stands on an I/O error: may it send its writes again?</summary>
public sealed class StorageProbeTests
{
    [Fact]
    public async Task A_volume_that_is_active_here_and_answers_is_whole()
    {
        var (host, volume) = await ActiveAsync();
        Assert.IsType<StorageVerdict.Whole>(await ProbeAsync(host, volume));
    }

    [Fact]
    public async Task Storage_that_fails_is_broken_until_it_answers_again()
    {
        var (host, volume) = await ActiveAsync();
        host.Lun.BeforeRead = _ => throw new IOException("all paths are gone");
        Assert.Equal("all paths are gone", await WhyAsync(host, volume));
        host.Lun.BeforeRead = null;
        Assert.IsType<StorageVerdict.Whole>(await ProbeAsync(host, volume));
    }

    /// The leases and maps may be on another path, or another array, than the volume's extents.
    [Fact]
    public async Task The_volumes_own_extents_have_to_answer()
    {
        var (host, volume) = await ActiveAsync();
        var extent = host.Activator.Find(volume)!.Export.Table.Segments[0].DeviceOffsetBytes;
        host.Lun.BeforeRead = offset =>
        {
            if (offset == extent)
            {
                throw new IOException("bad sector");
            }
        };
        Assert.Equal("bad sector", await WhyAsync(host, volume));
    }

    /// R11: this host was confirmed dead while its guest stood, and has not noticed yet. Its extents may be another volume's.
    [Fact]
    public async Task A_volume_whose_entry_was_cleared_by_others_is_never_continued()
    {
        var (host, volume) = await ActiveAsync();
        await host.Maps.SetAsync(host.Activator.Find(volume)!.Slot, ActivationMode.Inactive, host.Membership.Generation);
        Assert.Contains("not marked as active for writing", await WhyAsync(host, volume), StringComparison.Ordinal);
        await host.Activator.DropUnmarkedAsync();
        Assert.Contains("not active on this host any more", await WhyAsync(host, volume), StringComparison.Ordinal);
    }

    /// R11: what stands there cannot be believed, so it does not say that the volume is ours either.
    [Fact]
    public async Task A_map_that_cannot_be_read_continues_nobody()
    {
        var (host, volume) = await ActiveAsync();
        host.Lun.Poke(host.Domain.SpmOffset + HostActivations.Place(host.Domain.Layout, 2).OffsetBytes, [1, 2, 3]);
        Assert.Contains("not marked as active for writing", await WhyAsync(host, volume), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_lost_its_host_id_continues_nobody()
    {
        var (host, volume) = await ActiveAsync();
        host.Pass(TimeSpan.FromSeconds(9));
        Assert.Contains("does not hold its host id", await WhyAsync(host, volume), StringComparison.Ordinal);
    }

    /// R12: the storage answered, but so late that the deadline passed meanwhile.
    [Fact]
    public async Task A_host_id_lost_during_the_probe_continues_nobody()
    {
        var (host, volume) = await ActiveAsync();
        host.Lun.BeforeRead = _ =>
        {
            host.Lun.BeforeRead = null;
            host.Pass(TimeSpan.FromSeconds(9));
        };
        Assert.Contains("does not hold its host id", await WhyAsync(host, volume), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_volume_active_for_reading_or_of_another_domain_or_not_at_all_continues_nobody()
    {
        var (host, volume) = await ActiveAsync(readOnly: true);
        Assert.Contains("not marked as active for writing", await WhyAsync(host, volume), StringComparison.Ordinal);
        Assert.Contains("not active on this host any more", await WhyAsync(host, Guid.NewGuid()), StringComparison.Ordinal);
        var elsewhere = await host.Probe.ProbeAsync(new VolumeKey(Guid.NewGuid(), volume), CancellationToken.None);
        Assert.IsType<StorageVerdict.Broken>(elsewhere);
    }

    /// R11: the one who asked had gone when the storage answered, and the next one asks when the volume is somebody else's.
    [Fact]
    public async Task What_was_found_for_one_who_had_gone_continues_nobody()
    {
        var (host, volume) = await ActiveAsync();
        var reads = 0;
        host.Lun.BeforeRead = _ => Interlocked.Increment(ref reads);
        Assert.IsType<StorageVerdict.Whole>(await ProbeAsync(host, volume));
        var (all, answers) = (2 * reads, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        host.Lun.Reads = answers.Task;
        using var impatient = new CancellationTokenSource();
        var first = host.Probe.ProbeAsync(new VolumeKey(host.Domain.Uuid, volume), impatient.Token).AsTask();
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answers.SetResult();
        await AsyncWait.UntilAsync(() => Volatile.Read(ref reads) == all);
        await host.Maps.SetAsync(host.Activator.Find(volume)!.Slot, ActivationMode.Inactive, host.Membership.Generation);
        Assert.Contains("not marked as active for writing", await WhyAsync(host, volume), StringComparison.Ordinal);
    }

    /// Each look of the watch asks; a device that hangs must not collect a read every two seconds.
    [Fact]
    public async Task A_read_that_does_not_return_is_waited_for_and_not_repeated()
    {
        var (host, volume) = await ActiveAsync();
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reads = 0;
        (host.Lun.Reads, host.Lun.BeforeRead) = (answers.Task, _ => Interlocked.Increment(ref reads));
        using var impatient = new CancellationTokenSource();
        var first = host.Probe.ProbeAsync(new VolumeKey(host.Domain.Uuid, volume), impatient.Token).AsTask();
        impatient.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = host.Probe.ProbeAsync(new VolumeKey(host.Domain.Uuid, volume), CancellationToken.None).AsTask();
        Assert.False(second.IsCompleted);
        Assert.Equal(1, reads);
        answers.SetResult();
        Assert.IsType<StorageVerdict.Whole>(await second);
        // The next asks anew.
        Assert.IsType<StorageVerdict.Whole>(await ProbeAsync(host, volume));
        Assert.True(reads > 2, $"{reads} reads");
    }

    static async Task<(TestHost Host, Guid Volume)> ActiveAsync(bool readOnly = false)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var host = await TestHost.JoinAsync(term.Lun.OpenAgain(), 2);
        await host.Activator.ActivateAsync($"{volume}", readOnly);
        return (host, volume);
    }

    static async Task<StorageVerdict> ProbeAsync(TestHost host, Guid volume) => await host.Probe.ProbeAsync(new VolumeKey(host.Domain.Uuid, volume), CancellationToken.None);

    static async Task<string> WhyAsync(TestHost host, Guid volume) => Assert.IsType<StorageVerdict.Broken>(await ProbeAsync(host, volume)).Reason;
}
