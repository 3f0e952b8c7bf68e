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

    [Fact]
    public async Task A_node_that_starts_again_watches_whom_it_watched()
    {
        var roll = new Roll();
        var first = await ServiceAsync(roll);
        first.Watch(new WatchGuestRequest("/run/a.qmp", null, "kill", 200));
        first.Watch(new WatchGuestRequest("/run/b.qmp", "b"));
        first.Watch(new WatchGuestRequest("/run/c.qmp", null));
        first.Watch(new WatchGuestRequest("/run/d.qmp", null));
        await first.ForgetAsync("c");
        await first.StopAsync();

        var second = await ServiceAsync(roll);
        // Somebody is quicker than the node's own start. What is not said stays.
        Assert.Equal(("kill", 200), Policy(second.Watch(new WatchGuestRequest("/run/a.qmp", null))));
        second.Watch(new WatchGuestRequest("/run/b.qmp", "b", "leave_paused"));
        await second.ForgetAsync("d");
        second.Restore();
        Assert.Equal([("a", "/run/a.qmp"), ("b", "/run/b.qmp")], second.Guests().Select(guest => (guest.Name, guest.Qmp)));
        await AsyncWait.UntilAsync(() => second.Guests() is [var a, var b] && (Policy(a), Policy(b)) == (("kill", 200), ("leave_paused", null)));
        await second.StopAsync();
    }

    [Fact]
    public async Task Who_was_watched_is_not_known_and_what_is_asked_now_is_done()
    {
        var roll = new Roll { Fails = true };
        var log = new List<string>();
        var guests = await ServiceAsync(roll, log);
        guests.Restore();
        Assert.Contains("who was watched before is not known, have each guest watched again: no disk", Assert.Single(log), StringComparison.Ordinal);
        guests.Watch(new WatchGuestRequest("/run/a.qmp", null));
        Assert.Contains(log, line => line.StartsWith("a node that starts again will not know who is watched", StringComparison.Ordinal));
        Assert.Single(guests.Guests());
        await guests.StopAsync();
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData(null)]
    public async Task A_name_by_which_it_could_not_be_forgotten_is_refused(string? name)
    {
        var guests = await ServiceAsync();
        var refusal = Assert.Throws<Refusal>(() => guests.Watch(new WatchGuestRequest("/run/.qmp", name)));
        Assert.Contains("cannot be a guest's name", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(guests.Guests());
    }

    static async Task<GuestService> ServiceAsync(IGuestRoll? roll = null, List<string>? log = null)
    {
        var host = await TestHost.JoinAsync(await TestDomain.LunAsync(), 2);
        return new GuestService(
            path => new Nobody(path), _ => null, host.Growth, host.Probe, GrowthPolicy.Default, TimeProvider.System, new MonitorInstruments(new Meter("test")), (log ?? host.Log).Add)
        {
            Roll = roll,
        };
    }

    static (string?, double?) Policy(GuestReply guest) => (guest.ResumeBehavior, guest.KillAfterSeconds);

    /// <summary>The guest's own loop takes the change; it may run on another thread.</summary>
    static async Task<GuestReply> SeenAsync(GuestService guests, string behavior, double? killAfter = null)
    {
        await AsyncWait.UntilAsync(() => guests.Guests() is [var guest] && guest.ResumeBehavior == behavior && (killAfter is null || guest.KillAfterSeconds == killAfter));
        return guests.Guests().Single();
    }

    sealed class Roll : IGuestRoll
    {
        IReadOnlyList<WatchGuestRequest> kept = [];

        public bool Fails { get; init; }

        public IReadOnlyList<WatchGuestRequest> Read() => Fails ? throw new IOException("no disk") : kept;

        public void Write(IReadOnlyList<WatchGuestRequest> guests) => kept = Fails ? throw new IOException("no disk") : guests;
    }

    sealed class Nobody(string path) : IQmpTransport
    {
        public string Name => path;

        public ValueTask<Stream> ConnectAsync(CancellationToken stop) => throw new IOException("nobody answers");
    }
}
