using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Tests.Doubles;

namespace OvirtSpm.Monitor.Tests.Qmp;

public class QmpConnectionTests
{
    private static readonly BackOff BackOff = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1));

    [Fact]
    public void Back_off_doubles_up_to_the_longest()
    {
        double[] pauses = [.. Enumerable.Range(1, 6).Select(failures => BackOff.After(failures).TotalMilliseconds)];
        Assert.Equal([100, 200, 400, 800, 1000, 1000], pauses);
        Assert.Equal(1000, BackOff.After(int.MaxValue).TotalMilliseconds);
    }

    [Fact]
    public async Task Tries_again_with_growing_pauses_and_says_what_is_wrong()
    {
        var (clock, server, stop) = (new TestClock(), new QmpServerDouble { Listening = false }, new CancellationTokenSource());
        var connection = new QmpConnection(server, QmpLimits.Default, BackOff, clock);
        await using var sessions = connection.SessionsAsync(stop.Token).GetAsyncEnumerator();
        var first = sessions.MoveNextAsync().AsTask();
        Assert.Equal("double: connection refused; start the guest", connection.Trouble);
        Assert.Equal(1, server.Connects);
        clock.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(1, server.Connects);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, server.Connects);
        server.Listening = true;
        clock.Advance(TimeSpan.FromMilliseconds(200));
        Assert.True(await first);
        Assert.Equal("", connection.Trouble);

        server.Hangup();
        var second = sessions.MoveNextAsync().AsTask();
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await second);

        var third = sessions.MoveNextAsync().AsTask();
        stop.Cancel();
        Assert.False(await third);
    }

    [Fact]
    public async Task A_QEMU_that_greets_and_hangs_up_is_not_called_in_a_tight_loop()
    {
        var (clock, server, stop) = (new TestClock(), new QmpServerDouble(), new CancellationTokenSource());
        var connection = new QmpConnection(server, QmpLimits.Default, BackOff, clock);
        var following = FollowAsync();
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.InRange(server.Connects, 8, 15);
        stop.Cancel();
        await following;

        async Task FollowAsync()
        {
            await foreach (var _ in connection.SessionsAsync(stop.Token))
                server.Hangup();
        }
    }
}
