using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Tests.Roles;

/// <summary>A crash at every single write of adopting and of releasing: what is left is oVirt's domain or ours, and asking again completes it.</summary>
public sealed class AdoptionTests
{
    static readonly AdoptionOptions Options = new(IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0);

    static readonly OfflinePorts Ports = new(
        TimeProvider.System, TimeProvider.System, new TestChoice(4712), _ => throw new InvalidOperationException("no host id is taken here"),
        _ => throw new InvalidOperationException("no image is made here"), _ => { });

    [Fact]
    public async Task Adopting_that_dies_at_any_write_leaves_a_domain_of_oVirt_or_of_ours_and_is_completed()
    {
        var made = await OfOvirtAsync();
        var before = (await StorageDomain.OpenAnyAsync(made)).Group;
        var adopted = 0;
        for (var writes = 0; ; writes++)
        {
            var lun = made.Copy();
            lun.DiesAfter = writes;
            var died = await TestDomain.DiesAsync(() => OfflineAdoption.AsSpmAsync(lun, Ports, Options, TestDomain.Fence(11)));
            var left = await StorageDomain.OpenAnyAsync(lun.OpenAgain());
            adopted += left is PoolDomain ? 1 : 0;
            Kept(before, left.Group);

            var whole = await OfflineAdoption.AsSpmAsync(lun.OpenAgain(), Ports, Options, TestDomain.Fence(12));
            Kept(before, whole.Group);
            Assert.Equal((1, 0), (whole.Tags.IoTimeoutSeconds, whole.Tags.WatchdogTimeoutSeconds));
            var term = await TestDomain.LeadAsync(lun.OpenAgain(), epoch: 13);
            await term.CreateAsync();
            await term.EndAsync();
            Assert.True((await DomainCheck.RunAsync(lun.OpenAgain())).Ok);
            if (!died)
            {
                break;
            }
        }
        // Only the two headers decide; everything before them is in nobody's text.
        Assert.InRange(adopted, 2, 3);
    }

    [Fact]
    public async Task Releasing_that_dies_at_any_write_leaves_a_domain_of_ours_or_of_oVirt_and_is_completed()
    {
        var made = await TestDomain.LunAsync();
        var ruled = await TestDomain.LeadAsync(made);
        // Tags of ours that not every domain of ours has.
        string[] rules = [.. new SpaceTags(300, 5, 1024, 80, []).ToTags()];
        Assert.IsType<PoolResult.Done>(await ruled.Term.Worker.SubmitAsync("rules", draft => draft.ChangeVgTags([], rules)));
        await ruled.EndAsync();
        made = made.OpenAgain();
        var before = (await StorageDomain.OpenAnyAsync(made)).Group;
        Assert.Equal(4, rules.Intersect(before.Tags).Count());
        for (var writes = 0; ; writes++)
        {
            var lun = made.Copy();
            lun.DiesAfter = writes;
            var died = await TestDomain.DiesAsync(async () => await OfflineRelease.CommitAsync(lun, await PoolDomain.OpenAsync(lun), Ports, TestDomain.Fence(11)));
            if (await StorageDomain.OpenAnyAsync(lun.OpenAgain()) is PoolDomain still)
            {
                Assert.True(died);
                await OfflineRelease.CommitAsync(lun.OpenAgain(), still, Ports, TestDomain.Fence(12));
            }
            var left = await StorageDomain.OpenAnyAsync(lun.OpenAgain());
            Assert.IsNotType<PoolDomain>(left);
            Assert.Equal(before.LogicalVolumes.Select(lv => lv.Name).Where(name => name != "spm"), left.Group.LogicalVolumes.Select(lv => lv.Name));
            Assert.Equal(before.Tags.Where(tag => !tag.StartsWith("SPM_", StringComparison.Ordinal)), left.Group.Tags);
            Assert.Equal((null, false), (left.Group.Epoch, left.Group.HasTripwire));
            if (!died)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task A_domain_with_an_operation_that_is_not_ended_is_not_released()
    {
        var lun = await TestDomain.LunAsync();
        var host = lun.OpenAgain();
        var term = await TestDomain.LeadAsync(host, epoch: 2);
        // The host dies while it zeroes a raw volume: the creation is in the journal, begun and not ended.
        term.Zeroing = () => host.DiesAfter = host.Writes;
        await Assert.ThrowsAnyAsync<Exception>(() => term.CreateAsync(new(1, Guid.NewGuid(), 1), TestTerm.Request(Guid.NewGuid(), "raw") with { NoZero = false }));
        var refused = await Assert.ThrowsAsync<Refusal>(async () => await OfflineRelease.CommitAsync(lun, await PoolDomain.OpenAsync(lun), Ports, TestDomain.Fence(3)));
        Assert.Contains("operations are not ended", refused.Message, StringComparison.Ordinal);
        Assert.IsType<PoolDomain>(await StorageDomain.OpenAnyAsync(lun));
    }

    static async Task<MemoryLun> OfOvirtAsync()
    {
        var lun = await TestDomain.LunAsync();
        await OfflineRelease.CommitAsync(lun, await PoolDomain.OpenAsync(lun), Ports, TestDomain.Fence(10));
        return lun;
    }

    /// <summary>Everything oVirt had is there, where it was.</summary>
    static void Kept(VolumeGroup before, VolumeGroup now)
    {
        Assert.Equal(before.Tags, now.Tags.Where(tag => !tag.StartsWith("SPM_", StringComparison.Ordinal)));
        Assert.All(before.LogicalVolumes, lv => Assert.Equal(VolumeMapping.Map(before, lv), VolumeMapping.Map(now, now.Find(lv.Name)!)));
        Assert.Equal(before.LogicalVolumes.Length, now.LogicalVolumes.Count(lv => lv.Name != "spm"));
    }
}
