using OvirtSpm.Leases;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Roles;

/// <summary>Hosts that join and renew by a clock that a test moves.</summary>
static class DrivenMember
{
    public static async Task<(MemoryLun Lun, Membership Member, TestTerm Term)> SpmAsync(this ManualClock clock)
    {
        var lun = await TestDomain.LunAsync();
        var member = await clock.JoinAsync(lun, 1, "spm");
        _ = member.Keeper!.RunAsync(CancellationToken.None);
        return (lun, member, await TestDomain.LeadAsync(lun));
    }

    public static async Task<Membership> JoinAsync(this ManualClock clock, MemoryLun lun, int hostId, string name) => await clock.JoinAsync(
        await PoolDomain.OpenAsync(lun),
        new HostIdentity(hostId, name, $"/{hostId}", TestDomain.ThisMachine.MachineId, TestDomain.ThisMachine.BootId, "http://127.0.0.1:1", "test"));

    public static async Task<Membership> JoinAsync(this ManualClock clock, PoolDomain domain, HostIdentity identity)
    {
        var member = new Membership(domain, identity, new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), clock, new TestChoice());
        await clock.DriveAsync(member.JoinAsync(CancellationToken.None));
        return member;
    }

    /// <summary>Steps shorter than between two renewals, and the next one only when a renewal that was due has been made.</summary>
    public static async Task PassAsync(this ManualClock clock, Membership member, TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromMilliseconds(500))
        {
            clock.Pass(TimeSpan.FromMilliseconds(500));
            await AsyncWait.UntilAsync(() => member.Keeper!.Deadline.Margin > member.Timing.Expiry - member.Timing.RenewalInterval - TimeSpan.FromSeconds(1));
        }
        Assert.True(member.IsValid);
    }

    public static async Task DriveAsync(this ManualClock clock, Task task)
    {
        // A busy machine must not make a lease expire: 8 s of it are 1.6 s of real time.
        while (await Task.WhenAny(task, Task.Delay(20)) != task)
        {
            clock.Pass(TimeSpan.FromMilliseconds(100));
        }
        await task;
    }
}
