using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Storage;

/// A domain over several devices: made, made larger, and served by hosts that see all of it or less.
public sealed class SeveralDevicesTests
{
    const long Extent = DomainLimits.ExtentBytes;

    [Fact]
    public async Task A_domain_is_made_over_two_devices_with_everything_but_extents_on_the_first()
    {
        var second = new MemoryLun { Path = "/dev/second" };
        using var lun = Set(new MemoryLun(), second);
        var domain = await TestDomain.Creator(lun).CreateAsync(new DomainOptions(TestDomain.Uuid, IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0) { Others = ["/dev/second"] });
        Assert.Equal(2, domain.Group.PhysicalVolumes.Length);
        Assert.Empty(domain.Devices.Missing());
        Assert.All(domain.Group.LogicalVolumes, volume => Assert.Equal(0, Assert.Single(volume.Segments).Areas[0].PvIndex));
        Assert.Equal(DomainError.None, DomainMetadata.TryParse(domain.Group.Tags, out var described, out _));
        Assert.Equal(domain.Group.PhysicalVolumes.Select(pv => (pv.Uuid.ToString(), pv.ExtentCount)), described!.PhysicalVolumes.Select(entry => (entry.Uuid, entry.ExtentCount)));
        Assert.Equal([0, domain.Group.PhysicalVolumes[0].ExtentCount], described.PhysicalVolumes.Select(entry => entry.MapOffset));
        // Read together, as stock tools read them: two used copies on the first, two ignored ones on the other.
        var read = await MetadataReader.ReadAsync([lun.Metadata, second.Metadata]);
        Assert.Null(read.Problem);
        Assert.Equal((2, 2), (read.UsedCopies, read.Copies.Count(copy => copy.State is CopyState.Ignored)));
        Assert.Empty(await DomainCheckFailuresAsync(lun));
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => PoolDomain.OpenAsync(second))).Code);
        // Somebody switches its areas on: nobody would keep them.
        var header = second.Peek(4096, 512);
        new MdaHeader(4096, BitConverter.ToInt64(header, 32), default, default).Format(header);
        second.Poke(4096, header);
        Assert.Contains("metadataignore", Assert.Single(await DomainCheckFailuresAsync(lun)), StringComparison.Ordinal);
        await new DomainRemoval(lun, TimeProvider.System).RemoveAsync(yes: true, wait: false, CancellationToken.None);
        Assert.Empty(await DeviceProbe.ProbeAsync(second.Metadata));
        Assert.Empty(await DeviceProbe.ProbeAsync(lun.Metadata));
    }

    [Theory]
    [InlineData("a file system", "not empty")]
    [InlineData("another domain's device", "not empty")]
    [InlineData("larger sectors", "sectors of 4096")]
    [InlineData("too small", "too small")]
    [InlineData("the first device", "first device of this domain")]
    [InlineData("not given", "was not given")]
    public async Task What_does_not_fit_is_refused_and_not_touched(string what, string why)
    {
        var device = what switch
        {
            "larger sectors" => new MemoryLun(sector: 4096) { Path = "/dev/new" },
            "too small" => new MemoryLun(200 << 20) { Path = "/dev/new" },
            "not given" => new MemoryLun { Path = "/dev/other" },
            _ => new MemoryLun { Path = "/dev/new" },
        };
        var first = await TestDomain.LunAsync();
        if (what == "a file system")
        {
            device.Poke(1080, [0x53, 0xef]);
        }
        if (what == "another domain's device")
        {
            using var other = Set(new MemoryLun(), device);
            await TestDomain.Creator(other).CreateAsync(new DomainOptions(Guid.NewGuid(), WatchdogTimeoutSeconds: 0) { Others = ["/dev/new"] });
        }
        if (what == "the first device")
        {
            device = Named(first, "/dev/new");
        }
        var before = device.Peek(0, 1 << 20);
        using var lun = Set(first, device);
        await using var term = await Term.BeginAsync(lun, 2);
        var refused = await Assert.ThrowsAsync<Refusal>(() => term.AddAsync("/dev/new"));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Single(term.Group.PhysicalVolumes);
        if (what != "the first device")
        {
            Assert.Equal(before, device.Peek(0, 1 << 20));
        }
    }

    [Fact]
    public async Task A_device_added_by_an_SPM_that_dies_at_any_write_is_added_once_by_the_next_one()
    {
        var whole = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
        int onFirst, onSecond;
        using (var lun = Set(whole.Item1, whole.Item2))
        {
            var finder = new ScriptedFinder(whole.Item2);
            var set = new LunSet(whole.Item1, finder, TimeProvider.System);
            await using var term = await Term.BeginAsync(set, 2);
            var before = whole.Item1.Writes;
            Assert.True((await term.AddAsync("/dev/new")).Added);
            onFirst = whole.Item1.Writes - before;
            onSecond = 5;
        }
        for (var crash = 0; crash < onFirst + onSecond; crash++)
        {
            var (first, second) = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
            var dying = second.OpenAgain();
            var set = new LunSet(first, new FixedFinder(dying), TimeProvider.System);
            var term = await Term.BeginAsync(set, 2);
            if (crash < onSecond)
            {
                dying.DiesAfter = crash;
            }
            else
            {
                first.DiesAfter = first.Writes + crash - onSecond;
            }
            try
            {
                await term.AddAsync("/dev/new");
            }
            catch (Exception died) when (died is Refusal or IOException)
            {
                // It is the next one's.
            }
            await term.DisposeAsync();

            using var again = Set(first.OpenAgain(), second);
            await using var next = await Term.BeginAsync(again, 3);
            await next.AddAsync("/dev/new");
            Assert.Equal(2, next.Group.PhysicalVolumes.Length);
            Assert.False((await next.AddAsync("/dev/new")).Added);
            var label = (await NewPhysicalVolume.ReadLabelAsync(second.Metadata))!;
            Assert.Equal(next.Group.PhysicalVolumes[1].Uuid, label.PvUuid);
            Assert.True(label.IsInUse);
            // The note is gone: nobody takes the device for a left-over any more.
            Assert.Null((await NewPhysicalVolume.PrepareAsync(second.Metadata, next.Group.Uuid, label.PvUuid, Extent, DomainLimits.MetadataAreaBytes, wipe: false)).Volume);
            Assert.Null((await MetadataReader.ReadAsync([first.OpenAgain().Metadata, second.Metadata])).WriteProblem);
        }
    }

    [Fact]
    public async Task A_domain_whose_making_died_at_any_write_to_the_other_device_is_made_again_with_wipe()
    {
        var options = new DomainOptions(TestDomain.Uuid, IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0) { Others = ["/dev/second"] };
        for (var crash = 0; crash <= 5; crash++)
        {
            var (first, second) = (new MemoryLun(), new MemoryLun { Path = "/dev/second" });
            using (var dying = new LunSet(first, new FixedFinder(Dying(second, crash)), TimeProvider.System))
            {
                try
                {
                    await TestDomain.Creator(dying).CreateAsync(options);
                }
                catch (IOException)
                {
                    // Made again below.
                }
            }
            using var again = Set(first.OpenAgain(), second);
            var domain = await TestDomain.Creator(again).CreateAsync(options with { Wipe = true });
            Assert.Equal((2, 0), (domain.Group.PhysicalVolumes.Length, domain.Devices.Missing().Count()));
            Assert.Empty(await DomainCheckFailuresAsync(again));
        }
    }

    [Fact]
    public async Task Wiping_takes_no_device_of_another_volume_group()
    {
        var (second, mine) = (new MemoryLun { Path = "/dev/second" }, new MemoryLun());
        using (var other = Set(new MemoryLun(), second))
        {
            await TestDomain.Creator(other).CreateAsync(new DomainOptions(Guid.NewGuid(), WatchdogTimeoutSeconds: 0) { Others = ["/dev/second"] });
        }
        var before = second.Peek(0, 1 << 20);
        using var lun = Set(mine, second);
        var options = new DomainOptions(TestDomain.Uuid, WatchdogTimeoutSeconds: 0, Wipe: true) { Others = ["/dev/second"] };
        Assert.Contains("another volume group", (await Assert.ThrowsAsync<Refusal>(() => TestDomain.Creator(lun).CreateAsync(options))).Message, StringComparison.Ordinal);
        Assert.Equal(before, second.Peek(0, 1 << 20));
        Assert.Equal(0, mine.Writes);
    }

    [Fact]
    public async Task Extents_are_given_only_where_the_SPM_and_the_asking_host_see_the_device()
    {
        var (first, second) = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
        using (var lun = Set(first, second))
        {
            await using var term = await Term.BeginAsync(lun, 2);
            var added = await term.AddAsync("/dev/new");
            var wide = await term.CreateAsync("wide", 2);
            // Both see both, and the new device is the emptier one.
            Assert.Equal(added.PvUuid, Assert.Single(VolumeExtension.Segments(term.Group, wide)).PvUuid);
            var pv0 = term.Group.PhysicalVolumes[0];
            var narrow = await term.ExtendAsync("wide", 4, pv => pv.Uuid == pv0.Uuid);
            Assert.Equal([1, 0], narrow.Segments.Select(segment => segment.Areas[0].PvIndex));
        }
        // The device is away: the domain is served, nothing is given there, and what lies there is refused with a reason.
        var finder = new ScriptedFinder();
        var clock = new ManualClock();
        using var less = new LunSet(first.OpenAgain(), finder, clock);
        await using var later = await Term.BeginAsync(less, 3);
        Assert.Contains("unplugged", Assert.Single(later.Domain.Devices.Missing()), StringComparison.Ordinal);
        var onSecond = later.Group.PhysicalVolumes[1].ExtentCount - 2;
        Assert.Equal(later.Group.FreeExtents - onSecond, later.Domain.Devices.FreeExtents(later.Group));
        // Said as it is: free is what can be given, and what is away is not taken for allocated either.
        var given = later.Domain.Devices.FreeExtents(later.Group);
        var space = SpaceRules.Of(later.Group, later.Domain.Devices);
        Assert.Equal((given * Extent, onSecond * Extent, 4 * Extent), (space.FreeBytes, space.UnseenBytes, space.AllocatedBytes));
        var full = PoolRefusals.Of(await later.TryCreateAsync("large", given + 1), "volume large was not created", later.Group);
        Assert.Equal(
            $"volume large was not created: the pool is full. {SizeText.Format((given + 1) * Extent)} are needed, {SizeText.Format(given * Extent)} are free; {SizeText.Format(onSecond * Extent)} more lie on devices that are not seen, and are not given. Delete volumes or add a device.",
            full.Message);
        var near = await later.CreateAsync("near", 2);
        Assert.Equal(0, near.Segments[0].Areas[0].PvIndex);
        var refused = Assert.Throws<Refusal>(() => later.Domain.Devices.Require(later.Group, "wide"));
        Assert.Contains("/dev/new", refused.Message, StringComparison.Ordinal);
        Assert.Throws<Refusal>(() => later.Domain.Devices.Table(later.Group, later.Group.Find("wide")!));
        later.Domain.Devices.Require(later.Group, "near");
        Assert.Single(await DomainCheckFailuresAsync(less), failure => failure.StartsWith("device:", StringComparison.Ordinal));

        // Not looked for at every read, but soon after it is back.
        finder.Devices.Add(second);
        var looks = finder.Looks;
        await later.Domain.ReadMetadataAsync();
        Assert.Equal(looks, finder.Looks);
        clock.Pass(TimeSpan.FromSeconds(6));
        await later.Domain.ReadMetadataAsync();
        Assert.Empty(later.Domain.Devices.Missing());
        Assert.Equal(2, later.Domain.Devices.Table(later.Group, later.Group.Find("wide")!).Devices.Count);
        Assert.Equal(1, (await later.CreateAsync("far", 2)).Segments[0].Areas[0].PvIndex);
    }

    [Fact]
    public async Task R7_a_device_counts_as_seen_only_under_the_lock_that_proves_its_older_writes_have_returned()
    {
        var (first, second) = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
        using (var lun = Set(first, second))
        {
            await using var term = await Term.BeginAsync(lun, 2);
            await term.AddAsync("/dev/new");
        }
        var former = second.OpenAgain();
        Assert.True(former.TryLock(4096, 512));
        using var set = Set(first.OpenAgain(), second);
        var domain = await PoolDomain.OpenAsync(set);
        Assert.Empty(domain.Devices.Missing());
        // The former life's writes to the second device are on their way: the host id is not this life's yet, and nothing stays locked.
        Assert.False(set.TryLock(4096, 512));
        Assert.True(first.OpenAgain().TryLock(4096, 512));
        first.Unlock(4096, 512);

        var clock = new ManualClock();
        var late = first.Copy();
        var finder = new ScriptedFinder();
        using var another = new LunSet(late, finder, clock);
        domain = await PoolDomain.OpenAsync(another);
        Assert.True(another.TryLock(4096, 512));
        finder.Devices.Add(second);
        clock.Pass(TimeSpan.FromSeconds(6));
        await domain.LookForDevicesAsync();
        Assert.Contains("have not returned", Assert.Single(domain.Devices.Missing()), StringComparison.Ordinal);
        former.Unlock(4096, 512);
        clock.Pass(TimeSpan.FromSeconds(6));
        await domain.LookForDevicesAsync();
        Assert.Empty(domain.Devices.Missing());
        Assert.False(second.OpenAgain().TryLock(4096, 512));
    }

    [Fact]
    public async Task R8_who_waits_for_writes_waits_for_those_of_every_device()
    {
        var (first, second) = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
        var open = second.OpenAgain();
        using var set = new LunSet(first, new FixedFinder(open), TimeProvider.System);
        await using var term = await Term.BeginAsync(set, 2);
        await term.AddAsync("/dev/new");
        var (control, data) = (new TaskCompletionSource(), new TaskCompletionSource());
        open.ControlWrites = control.Task;
        Assert.False(set.WhenControlWritesReturnedAsync().IsCompleted);
        control.SetResult();
        await set.WhenControlWritesReturnedAsync();
        open.DataWrites = data.Task;
        Assert.False(set.WhenAllWritesReturnedAsync().IsCompleted);
        data.SetResult();
        await set.WhenAllWritesReturnedAsync();
    }

    [Fact]
    public async Task R11_an_entry_left_by_an_earlier_life_stays_while_its_volume_lies_on_a_device_that_is_not_seen()
    {
        var (first, second) = (await TestDomain.LunAsync(), new MemoryLun { Path = "/dev/new" });
        using (var lun = Set(first, second))
        {
            await using var term = await Term.BeginAsync(lun, 2);
            await term.AddAsync("/dev/new");
            await term.CreateAsync("far", 2, "MD_7");
            await new ActivationMaps(term.Domain, 1, TestDomain.ThisMachine).SetAsync(7, ActivationMode.ReadWrite, 1);
            await new ActivationMaps(term.Domain, 1, TestDomain.ThisMachine).SetAsync(8, ActivationMode.ReadWrite, 1);
        }
        var (finder, clock) = (new ScriptedFinder(), new ManualClock());
        using var less = new LunSet(first.OpenAgain(), finder, clock);
        var domain = await PoolDomain.OpenAsync(less);
        var maps = new ActivationMaps(domain, 1, TestDomain.ThisMachine);
        Assert.Contains("is not seen", Assert.Single(await maps.AdoptAsync(2), note => note.Contains("slot 7", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal([7], (await maps.ReadOwnAsync()).Active().Select(entry => entry.Slot));

        finder.Devices.Add(second);
        clock.Pass(TimeSpan.FromSeconds(6));
        await domain.LookForDevicesAsync();
        await maps.ClearLeftBehindAsync(2);
        Assert.Empty((await maps.ReadOwnAsync()).Active());
    }

    static MemoryLun Dying(MemoryLun lun, int after)
    {
        var opened = lun.OpenAgain();
        opened.DiesAfter = after;
        return opened;
    }

    static LunSet Set(MemoryLun first, params MemoryLun[] others) => new(first, new ScriptedFinder(others), TimeProvider.System);

    /// <summary>The same disk under another path.</summary>
    static MemoryLun Named(MemoryLun lun, string path) => lun.OpenAgain(path: path);

    static async Task<IEnumerable<string>> DomainCheckFailuresAsync(ILun lun) =>
        (await DomainCheck.RunAsync(lun)).Findings.Where(finding => !finding.Ok).Select(finding => $"{finding.Place}: {finding.Text}");

    /// <summary>Gives one opening, so that the test can break it.</summary>
    sealed class FixedFinder(MemoryLun device) : IDeviceFinder
    {
        public Task<(ILun? Device, string Problem)> FindAsync(LvmUuid pv, string hint) => Task.FromResult<(ILun?, string)>((null, ""));

        public ILun Open(string path) => device;
    }

    /// <summary>An SPM over whatever devices it was given.</summary>
    sealed class Term : IAsyncDisposable
    {
        readonly SpmTerm term;
        readonly Task writing;
        readonly DeviceAddition addition;
        int made;

        Term(PoolDomain domain, SpmTerm term, ulong seed)
        {
            (Domain, this.term, writing) = (domain, term, term.Worker.RunAsync());
            addition = new DeviceAddition(term, new TestChoice(seed));
        }

        public PoolDomain Domain { get; }

        public VolumeGroup Group => term.Worker.Current;

        public static async Task<Term> BeginAsync(ILun lun, ulong epoch)
        {
            var domain = await PoolDomain.OpenAsync(lun);
            var fence = new PoolFence(epoch, _ => true, TimeSpan.Zero, TimeProvider.System, () => ValueTask.FromResult(ConfirmOutcome.Ours));
            var start = await SpmTerm.BeginAsync(domain, fence, TimeProvider.System, "test", new PoolCounters());
            return new Term(domain, Assert.IsType<TermStart.Begun>(start).Term, 7700 + epoch);
        }

        public Task<AddDeviceReply> AddAsync(string path) => addition.AddAsync(new AddDeviceRequest(path));

        public async Task<LogicalVolume> CreateAsync(string name, long extents, params string[] tags) => await ChangeAsync(
            name, draft => draft.CreateLinear(name, LvmUuid.FromRandomBytes(RandomIdentity.Bytes(new TestChoice(term.Fence.Epoch * 100 + (ulong)++made), LvmUuid.Length)), extents, tags, DateTimeOffset.UnixEpoch, "h"));

        public Task<PoolResult> TryCreateAsync(string name, long extents) => term.Worker.SubmitAsync(
            "create", draft => draft.CreateLinear(name, LvmUuid.FromRandomBytes(new byte[LvmUuid.Length]), extents, [], DateTimeOffset.UnixEpoch, "h"));

        public Task<LogicalVolume> ExtendAsync(string name, long extents, Func<PhysicalVolume, bool> seen) => ChangeAsync(name, draft => draft.Extend(name, extents, seen));

        async Task<LogicalVolume> ChangeAsync(string name, Func<VolumeGroupDraft, EditOutcome> change)
        {
            var done = Assert.IsType<PoolResult.Done>(await term.Worker.SubmitAsync("change", change));
            return done.Group.Find(name)!;
        }

        public async ValueTask DisposeAsync()
        {
            term.Worker.StopAccepting();
            try
            {
                await writing;
            }
            catch (IOException)
            {
                // The disk of this one died.
            }
        }
    }
}
