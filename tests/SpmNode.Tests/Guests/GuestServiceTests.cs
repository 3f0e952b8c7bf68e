using System.Diagnostics.Metrics;
using OvirtSpm.Monitor;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Tests.Guests;

public sealed class GuestServiceTests
{
    [Fact]
    public async Task A_guest_is_continued_after_a_storage_error_unless_said_otherwise_and_asking_again_changes_it()
    {
        var guests = await ServiceAsync();
        Assert.Equal(("auto_resume", null), Policy(guests.Watch(new WatchGuestRequest("/run/a.qmp", null))));
        guests.Watch(new WatchGuestRequest("/run/a.qmp", null, "kill", 200));
        Assert.Equal(("kill", 200), Policy(await SeenAsync(guests, "kill")));
        // What is not said stays.
        guests.Watch(new WatchGuestRequest("/run/a.qmp", null));
        guests.Watch(new WatchGuestRequest("/run/a.qmp", null, KillAfterSeconds: 100));
        Assert.Equal(("kill", 100), Policy(await SeenAsync(guests, "kill", 100)));
        guests.Watch(new WatchGuestRequest("/run/a.qmp", null, "leave_paused"));
        Assert.Equal(("leave_paused", null), Policy(await SeenAsync(guests, "leave_paused")));
        await guests.StopAsync();
    }

    [Theory]
    [InlineData("resume", null, "is no resume behavior")]
    [InlineData("kill", 1.0, "10 to 86400")]
    [InlineData("kill", 1e9, "10 to 86400")]
    [InlineData("kill", double.NaN, "10 to 86400")]
    [InlineData("auto_resume", 80.0, "for the resume behavior 'kill' only")]
    public async Task A_policy_that_is_none_is_refused_and_nothing_is_watched(string behavior, double? killAfter, string why)
    {
        var guests = await ServiceAsync();
        var refusal = Assert.Throws<Refusal>(() => guests.Watch(new WatchGuestRequest("/run/a.qmp", null, behavior, killAfter)));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(guests.Guests());
    }

    static async Task<GuestService> ServiceAsync()
    {
        var host = await TestHost.JoinAsync(await TestDomain.LunAsync(), 2);
        return new GuestService(
            path => new Nobody(path), _ => null, host.Growth, host.Probe, GrowthPolicy.Default, TimeProvider.System, new MonitorInstruments(new Meter("test")), host.Log.Add);
    }

    static (string?, double?) Policy(GuestReply guest) => (guest.ResumeBehavior, guest.KillAfterSeconds);

    /// <summary>The guest's own loop takes the change; it may run on another thread.</summary>
    static async Task<GuestReply> SeenAsync(GuestService guests, string behavior, double? killAfter = null)
    {
        await AsyncWait.UntilAsync(() => guests.Guests() is [var guest] && guest.ResumeBehavior == behavior && (killAfter is null || guest.KillAfterSeconds == killAfter));
        return guests.Guests().Single();
    }

    sealed class Nobody(string path) : IQmpTransport
    {
        public string Name => path;

        public ValueTask<Stream> ConnectAsync(CancellationToken stop) => throw new IOException("nobody answers");
    }
}
