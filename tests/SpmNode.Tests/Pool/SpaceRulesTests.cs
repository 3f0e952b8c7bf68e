using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>Who is refused space first, and how much may be promised.</summary>
public sealed class SpaceRulesTests
{
    const long Extent = 128L << 20;

    /// Creations first, then people, running guests last: whoever asks, the refusal says how much is kept for whom.
    [Fact]
    public async Task The_last_extents_are_for_running_guests_then_for_people_and_never_for_new_volumes()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (guests, persons) = (await term.CreateAsync(bytes: 8L << 30), await term.CreateAsync(bytes: 8L << 30));
        var space = await SpaceSetting.SetAsync(term.Term, new SpaceRequest(ReserveMib: 1024));
        Assert.Equal(8 * Extent, space.ReserveBytes);
        var free = term.Term.Volumes.Group.FreeExtents;

        // Nine are left: one creation more leaves exactly the reserve.
        await GuestAsync(term, guests, free - 9 + 1);
        var refused = await Assert.ThrowsAsync<Refusal>(() => term.CreateAsync("raw", 2 * Extent));
        Assert.Equal(RefusalCode.NoSpace, refused.Code);
        Assert.Contains("256 MiB are needed, and of 1.12 GiB free 1 GiB are kept for running guests", refused.Message, StringComparison.Ordinal);
        await term.CreateAsync();
        Assert.Equal(RefusalCode.NoSpace, (await Assert.ThrowsAsync<Refusal>(() => term.CreateAsync())).Code);

        // A person gets half of the reserve, also through the host that has the volume active.
        await PersonAsync(term, persons, 1 + 4);
        refused = await Assert.ThrowsAsync<Refusal>(() => PersonAsync(term, persons, 1 + 5));
        Assert.Contains("512 MiB are kept for running guests", refused.Message, StringComparison.Ordinal);
        Assert.Equal(RefusalCode.NoSpace, (await Assert.ThrowsAsync<Refusal>(
            () => term.Extension.ExtendAsync($"{persons}", new((1 + 5) * Extent, 1, 1, 2, ByPerson: true)))).Code);

        // The guest gets all of it; then the pool is full for it, too.
        await GuestAsync(term, guests, free - 8 + 4);
        Assert.Equal(0, term.Term.Volumes.Group.FreeExtents);
        refused = await Assert.ThrowsAsync<Refusal>(() => GuestAsync(term, guests, free + 1));
        Assert.Contains("the pool is full", refused.Message, StringComparison.Ordinal);

        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(ReserveMib: 0));
        await term.Removal.DeleteAsync($"{persons}");
        await term.CreateAsync();
    }

    /// Filled from outside a volume is new until it is full: however far it has come, the reserve is not its.
    [Fact]
    public async Task An_upload_and_an_import_leave_the_reserve_to_running_guests()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var guest = await term.CreateAsync(bytes: 16L << 30);
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(ReserveMib: 1024));
        // Eight are kept: an upload begins with one and gets five more.
        await GuestAsync(term, guest, term.Term.Volumes.Group.FreeExtents + 1 - 8 - 6);
        var upload = new Upload(1 << 20, TimeSpan.FromHours(1), TimeProvider.System);
        var transfer = new ScriptedTransfer { Disk = new Api.MemoryDisk(1 << 20) };
        term.Transfer = transfer;
        using var cancel = new CancellationTokenSource();
        var sent = term.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 4L << 30), outside: new ImageOrigin.Sent(upload), stop: cancel.Token);
        await upload.Opened;
        var begun = term.Term.Volumes.View().Volumes.Single(volume => volume.Tags.Initializing).AllocatedBytes / Extent;
        Assert.Equal(6 * Extent, (await transfer.Grow!(6 * Extent)).Sum(segment => segment.LengthBytes));
        var refused = await Assert.ThrowsAsync<Refusal>(() => transfer.Grow!(7 * Extent));
        Assert.Equal(RefusalCode.NoSpace, refused.Code);
        Assert.Contains("1 GiB are kept for running guests", refused.Message, StringComparison.Ordinal);
        Assert.Equal((8, true), (term.Term.Volumes.Group.FreeExtents, begun < 6));
        await GuestAsync(term, guest, term.Term.Volumes.Group.Find($"{guest}")!.ExtentCount + 8);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);

        // Six are free again, all of them kept; an import needs four.
        using var file = VolumeImportTests.Source(1 << 30);
        refused = await Assert.ThrowsAsync<Refusal>(() => term.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 0), outside: new ImageOrigin.FileOf(file)));
        Assert.Equal(RefusalCode.NoSpace, refused.Code);
        Assert.Equal(6, term.Term.Volumes.Group.FreeExtents);
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(ReserveMib: 256));
        await term.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 0), outside: new ImageOrigin.FileOf(file));
        Assert.Equal(2, term.Term.Volumes.Group.FreeExtents);
    }

    [Fact]
    public async Task More_than_the_over_commit_limit_is_not_promised_and_the_refusal_shows_the_arithmetic()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var size = SpaceRules.SizeBytes(term.Term.Volumes.Group);
        // 100 % of the pool; a thin disk may need a tenth more than its capacity.
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(OvercommitPercent: 100));
        var first = await term.CreateAsync(bytes: size / 2);
        var refused = await Assert.ThrowsAsync<Refusal>(() => term.CreateAsync(bytes: size / 2));
        Assert.Equal(RefusalCode.NoSpace, refused.Code);
        Assert.Contains("over-commit of 100 %", refused.Message, StringComparison.Ordinal);
        Assert.Equal(RefusalCode.NoSpace, (await Assert.ThrowsAsync<Refusal>(() => ResizeAsync(term, first, size))).Code);
        Assert.True(term.Term.Volumes.Find(first)!.Slot!.CapacityBytes < size);

        // What was refused keeps nothing taken: a smaller one fits, and so does the same one when the other is gone.
        await term.CreateAsync(bytes: 1 << 30);
        await term.Removal.DeleteAsync($"{first}");
        await term.CreateAsync(bytes: size / 2);
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(OvercommitPercent: 0));
        await term.CreateAsync(bytes: 10 * size);
        Assert.DoesNotContain(term.Term.Volumes.Group.Tags, tag => tag.StartsWith(SpaceTags.OvercommitPrefix, StringComparison.Ordinal));
    }

    /// A parent is written by nobody: it needs what it has, its child what it can become.
    [Fact]
    public async Task A_snapshot_promises_only_what_its_parent_had()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var parent = await term.CreateAsync(bytes: 1L << 30);
        var alone = SpaceRules.Of(term.Term.Volumes.View()).PromisedBytes;
        Assert.Equal(9 * Extent, alone); // 1.1 GiB in whole extents
        // One extent more than what is promised: room for a snapshot's parent, not for a second disk.
        var size = SpaceRules.SizeBytes(term.Term.Volumes.Group);
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(OvercommitPercent: (int)((alone + Extent) * 100 / size) + 1));
        await Assert.ThrowsAsync<Refusal>(() => term.CreateAsync(bytes: 1L << 30));
        var child = Guid.NewGuid();
        await term.Creation.CreateAsync(TestTerm.Request(child, bytes: 0) with { Parent = $"{parent}" });
        Assert.Equal(alone + Extent, SpaceRules.Of(term.Term.Volumes.View()).PromisedBytes);
        Assert.Equal(RefusalCode.NoSpace, (await Assert.ThrowsAsync<Refusal>(() => term.CreateAsync("raw", 4 * Extent))).Code);
    }

    [Fact]
    public async Task The_rules_are_the_pools_the_next_SPM_keeps_them_and_nonsense_is_refused()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun);
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(200, 10, 512, 70));
        await SpaceSetting.SetAsync(term.Term, new SpaceRequest(WarnPercent: 60));
        var next = await TestDomain.LeadAsync(lun.Copy(), epoch: 3);
        var rules = SpaceRules.Of(next.Term.Volumes.View()).Rules;
        Assert.Equal((200, 10, 512L, 60), (rules.OvercommitPercent!.Value, rules.ReservePercent, rules.ReserveMib, rules.WarnPercent));
        foreach (var nonsense in new SpaceRequest[] { new(), new(-1), new(ReservePercent: 91), new(ReserveMib: -1), new(WarnPercent: 0), new(WarnPercent: 101) })
        {
            Assert.Equal(RefusalCode.Invalid, (await Assert.ThrowsAsync<Refusal>(() => SpaceSetting.SetAsync(term.Term, nonsense))).Code);
        }
    }

    [Fact]
    public async Task A_crossing_is_logged_once_and_warned_of_until_it_is_over()
    {
        var (term, log) = (await TestDomain.LeadAsync(await TestDomain.LunAsync()), new List<string>());
        var monitor = new SpaceMonitor(term.Domain.Devices, new Activation.ManualClock(), log.Add);
        void See() => monitor.Saw(term.Term.Volumes.Group);
        string? Warning() => SpaceMonitor.Warning(SpaceRules.Of(term.Term.Volumes.View()), monitor.Watch);
        See();
        Assert.Null(Warning());
        var volume = await term.CreateAsync("raw", (term.Term.Volumes.Group.FreeExtents - 1) * Extent);
        See();
        See();
        Assert.Contains("more than 85 %", Assert.Single(log), StringComparison.Ordinal);
        Assert.Contains("128 MiB of", Warning(), StringComparison.Ordinal);
        await term.CreateAsync();
        See();
        Assert.Contains("the pool is full", log[^1], StringComparison.Ordinal);
        await term.Removal.DeleteAsync($"{volume}");
        See();
        See();
        Assert.Contains("better again", log[^1], StringComparison.Ordinal);
        Assert.Equal(3, log.Count);
        Assert.Null(Warning());
    }

    static Task GuestAsync(TestTerm term, Guid volume, long extents) => term.Extension.ExtendAsync($"{volume}", new(extents * Extent, 1, 1, 2));

    static Task PersonAsync(TestTerm term, Guid volume, long extents) => term.Extension.ExtendAsync($"{volume}", new(extents * Extent, null, null, null));

    static Task ResizeAsync(TestTerm term, Guid volume, long bytes) => term.Images.ChangeAsync($"{volume}", new VolumeChange.Resize(bytes), null, CancellationToken.None);
}
