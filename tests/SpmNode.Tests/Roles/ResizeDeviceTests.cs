using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Tests.Roles;

/// <summary>Devices that became larger: what a crash leaves is the domain as it was or with its new space, with two copies at every moment.</summary>
public sealed class ResizeDeviceTests
{
    const long Extent = DomainLimits.ExtentBytes, Gib = 1L << 30;

    static readonly OfflinePorts Ports = new(
        TimeProvider.System, TimeProvider.System, new TestChoice(4713), _ => throw new InvalidOperationException("no host id is taken here"),
        _ => throw new InvalidOperationException("no image is made here"), _ => { });

    [Fact]
    public async Task Wherever_it_dies_there_are_two_copies_every_volume_is_where_it_was_and_asking_again_takes_the_space_in()
    {
        // Full to the last extent before the area that moves: what is given afterwards lies where that was.
        var (first, second) = await PreparedAsync();
        var before = (await StorageDomain.OpenAnyAsync(Set(first, second))).Group;
        Assert.Equal(0, before.FreeExtents);
        var done = 0;
        for (var writes = 0; ; writes++)
        {
            var (one, two) = (first.Resized(12 * Gib), second.Resized(3 * Gib));
            var count = 0;
            var opened = two.OpenAgain();
            one.BeforeWrite = opened.BeforeWrite = (_, _) =>
            {
                (one.DiesAfter, opened.DiesAfter) = count++ >= writes ? (0, 0) : (one.DiesAfter, opened.DiesAfter);
                return Task.CompletedTask;
            };
            var died = await TestDomain.DiesAsync(async () =>
            {
                using var dying = new LunSet(one, new OneDevice(opened), TimeProvider.System);
                await ResizeAsync(dying, 11);
            });
            using var left = Set(one.OpenAgain(), two.OpenAgain());
            var read = await left.ReadGroupAsync();
            // At most a copy that is one commit behind, as between the headers of any commit.
            Assert.True(read.WriteProblem is null && read.Copies.All(copy => copy.State is CopyState.Current or CopyState.Stale or CopyState.Ignored), $"{writes}: {read.Problem}");
            Assert.Equal(2, read.UsedCopies);
            Kept(before, read.Group!);
            done += read.Group!.TotalExtents > before.TotalExtents ? 1 : 0;

            await LeadAsync(await PoolDomain.OpenAsync(left), 12, _ => { });
            var resized = await ResizeAsync(left, 13);
            Assert.Equal([12 * Gib - 2 * 128 * (1L << 20), 3 * Gib - 2 * 128 * (1L << 20)], resized.Select(device => (device.Bytes + Extent) / Extent * Extent));
            using var later = Set(one.OpenAgain(), two.OpenAgain());
            var domain = await PoolDomain.OpenAsync(later);
            Kept(before, domain.Group);
            Assert.Equal(DomainError.None, DomainMetadata.TryParse(domain.Group.Tags, out var described, out _));
            Assert.Equal(domain.Group.PhysicalVolumes.Select(pv => pv.ExtentCount), described!.PhysicalVolumes.Select(entry => entry.ExtentCount));
            Assert.Equal([0, domain.Group.PhysicalVolumes[0].ExtentCount], described.PhysicalVolumes.Select(entry => entry.MapOffset));
            Assert.Empty((await DomainCheck.RunAsync(later)).Findings.Where(finding => !finding.Ok && !finding.Text.StartsWith("full: ", StringComparison.Ordinal)).Select(finding => finding.Text));
            if (!died)
            {
                // Nothing is left to do, and the space can be used, where the old area was, too.
                Assert.All(await ResizeAsync(later, 14), device => Assert.Equal(device.BeforeBytes, device.Bytes));
                await LeadAsync(domain, 15, draft =>
                {
                    Assert.Equal(16 + 8, draft.FreeExtents);
                    Assert.IsType<EditOutcome.Done>(draft.CreateLinear("all", NewUuid(77), draft.FreeExtents, [], DateTimeOffset.UnixEpoch, "h"));
                });
                Assert.Equal(0, (await later.ReadGroupAsync()).Group!.FreeExtents);
                break;
            }
        }
        // Only the two headers decide.
        Assert.InRange(done, 2, 3);
    }

    [Theory]
    [InlineData(9 * Gib, "extents are missing")]
    [InlineData(10 * Gib + (120L << 20), "grew by too little")]
    public async Task A_device_that_was_cut_or_grew_by_less_than_an_area_is_refused_and_not_touched(long size, string why)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.EndAsync();
        var lun = term.Lun.Resized(size);
        var refused = await Assert.ThrowsAsync<Refusal>(() => ResizeAsync(lun, 11));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, lun.Writes);
    }

    [Fact]
    public async Task A_device_that_is_not_seen_and_copies_that_differ_are_refused()
    {
        var (first, second) = await PreparedAsync();
        using var less = new LunSet(first.Resized(12 * Gib), new ScriptedFinder(), TimeProvider.System);
        Assert.Contains("not seen", (await Assert.ThrowsAsync<Refusal>(() => ResizeAsync(less, 11))).Message, StringComparison.Ordinal);

        using var whole = Set(first.Resized(12 * Gib), second);
        var copies = (await whole.ReadGroupAsync()).Copies;
        // The second copy one commit behind, as a crash between the headers leaves it.
        var behind = first.Resized(12 * Gib);
        behind.Poke(copies[1].AreaOffsetBytes, new byte[512]);
        using var differing = Set(behind, second);
        Assert.Contains("not both current", (await Assert.ThrowsAsync<Refusal>(() => ResizeAsync(differing, 11))).Message, StringComparison.Ordinal);
    }

    /// <summary>Two devices without a free extent.</summary>
    static async Task<(MemoryLun First, MemoryLun Second)> PreparedAsync()
    {
        var (first, second) = (new MemoryLun(), new MemoryLun(2 * Gib) { Path = "/dev/second" });
        using var lun = Set(first, second);
        var domain = await TestDomain.Creator(lun).CreateAsync(new DomainOptions(TestDomain.Uuid, IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0) { Others = ["/dev/second"] });
        await LeadAsync(domain, 5, draft => Assert.IsType<EditOutcome.Done>(draft.CreateLinear("full", NewUuid(76), draft.FreeExtents, [], DateTimeOffset.UnixEpoch, "h")));
        return (first, second);
    }

    /// <summary>One term, one commit.</summary>
    static async Task LeadAsync(PoolDomain domain, ulong epoch, Action<VolumeGroupDraft> change)
    {
        var term = Assert.IsType<TermStart.Begun>(await SpmTerm.BeginAsync(domain, TestDomain.Fence(epoch), TimeProvider.System, "test", new PoolCounters())).Term;
        var writing = term.Worker.RunAsync();
        Assert.IsType<PoolResult.Done>(await term.Worker.SubmitAsync("change", draft =>
        {
            change(draft);
            return draft.HasChanges ? new EditOutcome.Done(0) : new EditOutcome.AlreadyThere(0);
        }));
        term.Worker.StopAccepting();
        await writing;
    }

    static async Task<IReadOnlyList<ResizeDeviceReply>> ResizeAsync(ILun lun, ulong epoch) =>
        await OfflineResize.CommitAsync(lun, await PoolDomain.OpenAsync(lun), Ports, TestDomain.Fence(epoch)) is Led<IReadOnlyList<ResizeDeviceReply>>.Done done
            ? done.Result
            : throw new InvalidOperationException("the epoch on disk is not below");

    static LunSet Set(MemoryLun first, params MemoryLun[] others) => new(first, new ScriptedFinder(others), TimeProvider.System);

    static LvmUuid NewUuid(ulong seed) => LvmUuid.FromRandomBytes(RandomIdentity.Bytes(new TestChoice(seed), LvmUuid.Length));

    static void Kept(VolumeGroup before, VolumeGroup now)
    {
        Assert.Equal(before.LogicalVolumes.Select(lv => lv.Name), now.LogicalVolumes.Select(lv => lv.Name));
        Assert.All(before.LogicalVolumes, lv => Assert.Equal(VolumeMapping.Map(before, lv), VolumeMapping.Map(now, now.Find(lv.Name)!)));
    }

    /// <summary>Gives this opening, so that the test can break it.</summary>
    sealed class OneDevice(MemoryLun device) : IDeviceFinder
    {
        public Task<(ILun? Device, string Problem)> FindAsync(LvmUuid pv, string hint) => Task.FromResult<(ILun?, string)>((device, ""));

        public ILun Open(string path) => device;
    }
}
