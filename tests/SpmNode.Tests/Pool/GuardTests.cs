using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>The guard against stock lvm2: what the text says, who may turn it, and what a crash leaves.</summary>
public sealed class GuardTests
{
    static readonly string Id = $"ovirt-spm.{TestDomain.Uuid}";

    [Fact]
    public async Task The_guard_is_one_commit_kept_by_every_later_one_and_by_the_next_SPM()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun);
        var volume = await term.CreateAsync();
        var before = term.Term.Volumes.Group;
        var on = await TurnAsync(term, on: true);
        Assert.Equal((true, Id, true, before.Seqno + 1), (on.On, on.SystemId, on.Changed, on.Seqno));
        var again = await TurnAsync(term, on: true);
        Assert.Equal((true, false, on.Seqno), (again.On, again.Changed, again.Seqno));

        var kept = await term.CreateAsync();
        await term.Extension.ExtendAsync($"{volume}", new(1L << 30, null, null, null));
        await term.EndAsync();
        var next = await TestDomain.LeadAsync(lun.OpenAgain(), epoch: 3);
        await next.Extension.ExtendAsync($"{kept}", new(1L << 30, null, null, null));
        await next.Removal.DeleteAsync($"{volume}");
        var group = next.Term.Volumes.Group;
        Assert.Equal(Id, group.SystemId);
        Assert.Equal(9, group.LogicalVolumes.Length);
        Assert.All(group.LogicalVolumes, lv => Assert.Equal((false, true), (lv.Status.Contains("WRITE"), lv.Flags.Contains("WRITE_LOCKED"))));
        Assert.True(DomainGuard.Describe(next.Domain, group).On);
        Assert.Contains((await DomainCheck.RunAsync(lun)).Findings, finding => finding is { Ok: true, Place: "guard" });

        var off = await TurnAsync(next, on: false);
        Assert.Equal((false, null, true), (off.On, off.SystemId, off.Changed));
        Assert.All(next.Term.Volumes.Group.LogicalVolumes, lv => Assert.Equal((true, false), (lv.Status.Contains("WRITE"), lv.Flags.Contains("WRITE_LOCKED"))));
        Assert.NotNull(next.Term.Volumes.Find(kept));
        await next.EndAsync();
    }

    [Fact]
    public async Task A_crash_at_any_write_leaves_all_of_the_guard_or_nothing_of_it()
    {
        var (seen, made) = (new HashSet<bool>(), await TestDomain.LunAsync());
        for (var writes = 0; ; writes++)
        {
            var lun = made.Copy();
            var host = lun.OpenAgain();
            var term = await TestDomain.LeadAsync(host);
            host.DiesAfter = host.Writes + writes;
            var died = false;
            try
            {
                await TurnAsync(term, on: true);
            }
            catch (Exception crash) when (crash is Refusal or IOException)
            {
                died = true;
            }
            var left = (await PoolDomain.OpenAsync(lun.OpenAgain())).Group;
            var on = left.SystemId == Id;
            Assert.True(on || left.SystemId.Length == 0);
            Assert.All(left.LogicalVolumes, lv => Assert.Equal(on, lv.Flags.Contains("WRITE_LOCKED")));
            Assert.Equal(on, left.Flags.Contains("WRITE_LOCKED"));
            seen.Add(on);
            if (!died)
            {
                break;
            }
        }
        Assert.Equal(2, seen.Count);
    }

    /// VDSM works on a domain with lvm2: it would not find it any more.
    [Fact]
    public async Task A_domain_that_oVirt_uses_too_is_not_guarded_and_nothing_is_written()
    {
        var attached = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await attached.Term.Worker.SubmitAsync("attach", draft => draft.ReplaceVgTags(
            [.. attached.Domain.Description.ToTags()], [.. (attached.Domain.Description with { Pool = Guid.Parse("11111111-2222-3333-4444-555555555555") }).ToTags()]));
        await attached.EndAsync();
        await RefusedAsync(await TestDomain.LeadAsync(attached.Lun.OpenAgain(), epoch: 3), "attached to data center 11111111-2222-3333-4444-555555555555");

        var adopted = await TestDomain.LunAsync();
        await OfflineRelease.CommitAsync(adopted, await PoolDomain.OpenAsync(adopted), Ports(TimeProvider.System), TestDomain.Fence(10));
        var later = new Later(TimeSpan.FromHours(1));
        await OfflineAdoption.AsSpmAsync(adopted.OpenAgain(), Ports(later), new AdoptionOptions(1, 0), TestDomain.Fence(11));
        await RefusedAsync(await TestDomain.LeadAsync(adopted.OpenAgain(), epoch: 12), "oVirt made it");

        var shared = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var stranger = new HostHolder(7, OvirtSpm.Leases.OnDisk.RecordError.WrongChecksum, null);
        await RefusedAsync(shared, "host id 7", stranger);
        Assert.True((await TurnAsync(shared, on: true)).On);
        // Taking it away hides nothing from anybody.
        Assert.False((await GuardSetting.SetAsync(shared.Term, on: false, () => Task.FromResult<IReadOnlyList<HostHolder>>([stranger]))).On);
    }

    [Fact]
    public async Task A_system_id_that_somebody_else_set_is_neither_replaced_nor_taken_away()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Term.Worker.SubmitAsync("as vgchange --systemid", draft => draft.SetSystemId("hostA"));
        foreach (var on in (bool[])[true, false])
        {
            var refused = await Assert.ThrowsAsync<Refusal>(() => TurnAsync(term, on));
            Assert.Equal(RefusalCode.Conflict, refused.Code);
            Assert.Contains("'hostA'", refused.Message, StringComparison.Ordinal);
        }
        Assert.Equal("hostA", term.Term.Volumes.Group.SystemId);
        Assert.False(DomainGuard.Describe(term.Domain, term.Term.Volumes.Group).On);
    }

    [Fact]
    public async Task A_guarded_domain_that_is_given_to_oVirt_is_guarded_no_more()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun);
        await TurnAsync(term, on: true);
        await term.EndAsync();
        await OfflineRelease.CommitAsync(lun.OpenAgain(), await PoolDomain.OpenAsync(lun.OpenAgain()), Ports(TimeProvider.System), TestDomain.Fence(10));
        var left = (await StorageDomain.OpenAnyAsync(lun.OpenAgain())).Group;
        Assert.Null(left.Epoch);
        Assert.Equal("", left.SystemId);
        Assert.All(left.LogicalVolumes, lv => Assert.Contains("WRITE", lv.Status));
    }

    static Task<GuardReply> TurnAsync(TestTerm term, bool on) => GuardSetting.SetAsync(term.Term, on, () => Task.FromResult<IReadOnlyList<HostHolder>>([]));

    static async Task RefusedAsync(TestTerm term, string why, params IReadOnlyList<HostHolder> strangers)
    {
        var before = term.Term.Volumes.Group.Seqno;
        var refused = await Assert.ThrowsAsync<Refusal>(() => GuardSetting.SetAsync(term.Term, on: true, () => Task.FromResult(strangers)));
        Assert.Equal(RefusalCode.Conflict, refused.Code);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Contains("spm host setup", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, term.Term.Volumes.Group.Seqno);
    }

    static OfflinePorts Ports(TimeProvider wall) => new(
        TimeProvider.System, wall, new TestChoice(4713), _ => throw new InvalidOperationException("no host id is taken here"),
        _ => throw new InvalidOperationException("no image is made here"), _ => { });

    sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
