using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Api;

namespace OvirtSpm.Node.Tests.Pool.Images;

/// <summary>How an upload or a download ends when nobody finishes it.</summary>
public sealed class DiskSessionTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task It_ends_when_nothing_came_for_as_long_as_is_waited_and_not_before()
    {
        var clock = new ManualClock();
        var session = new DiskSession<IRawDisk>("an upload", TimeSpan.FromMinutes(15), clock);
        var running = session.RunAsync(new MemoryDisk(4096), () => true, CancellationToken.None);
        await LooksAsync(clock);
        clock.Pass(TimeSpan.FromMinutes(14));
        await LooksAsync(clock);
        // Anything that comes counts.
        await session.UseAsync(_ => Task.FromResult(true));
        clock.Pass(TimeSpan.FromMinutes(14));
        await LooksAsync(clock);
        Assert.False(running.IsCompleted);
        clock.Pass(TimeSpan.FromMinutes(2));
        Assert.Contains("15 minutes", (await Assert.ThrowsAsync<Refusal>(() => running.WaitAsync(Patience))).Message, StringComparison.Ordinal);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => session.UseAsync(_ => Task.FromResult(true)))).Code);
    }

    [Fact]
    public async Task It_ends_with_the_fence_and_a_request_in_the_middle_is_waited_for_and_not_believed()
    {
        var (clock, holds, reading) = (new ManualClock(), true, new TaskCompletionSource<bool>());
        var session = new DiskSession<IRawDisk>("a download", TimeSpan.FromMinutes(15), clock);
        var running = session.RunAsync(new MemoryDisk(4096), () => Volatile.Read(ref holds), CancellationToken.None);
        var request = session.UseAsync(_ => reading.Task);
        await LooksAsync(clock);
        Volatile.Write(ref holds, false);
        clock.Pass(TimeSpan.FromSeconds(1));
        await UntilAsync(async () => await Record.ExceptionAsync(() => session.UseAsync(_ => Task.FromResult(true))) is Refusal { Code: RefusalCode.Conflict });
        // Closed, and not ended while somebody has the disk.
        Assert.False(running.IsCompleted);
        reading.SetResult(true);
        // What was read beyond the deadline may be half of another SPM's change.
        Assert.Equal(RefusalCode.NotLeader, (await Assert.ThrowsAsync<Refusal>(() => request)).Code);
        Assert.Equal(RefusalCode.NotLeader, (await Assert.ThrowsAsync<Refusal>(() => running.WaitAsync(Patience))).Code);
    }

    [Fact]
    public async Task Nothing_is_taken_before_it_is_open_and_nothing_after_it_was_finished()
    {
        var session = new DiskSession<IRawDisk>("an upload", TimeSpan.FromMinutes(15), new ManualClock());
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => session.UseAsync(_ => Task.FromResult(true)))).Code);
        Assert.Equal(RefusalCode.Unavailable, Assert.Throws<Refusal>(() => session.Finish(() => { })).Code);
        var running = session.RunAsync(new MemoryDisk(4096), () => true, CancellationToken.None);
        Assert.Throws<Refusal>(() => session.Finish(() => throw Refusal.Conflict("something is missing")));
        Assert.True(await session.UseAsync(_ => Task.FromResult(true)));
        session.Finish(() => { });
        // Asked again, as whoever got no answer does.
        session.Finish(() => throw Refusal.Conflict("something is missing"));
        await running.WaitAsync(Patience, TestContext.Current.CancellationToken);
        session.Finish(() => throw Refusal.Conflict("something is missing"));
        await Assert.ThrowsAsync<Refusal>(() => session.UseAsync(_ => Task.FromResult(true)));
    }

    /// <summary>It has looked, and waits for the next time.</summary>
    static Task LooksAsync(ManualClock clock) => UntilAsync(() => Task.FromResult(clock.Timers > 0));

    static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            await Task.Delay(1, limit.Token);
        }
    }
}
