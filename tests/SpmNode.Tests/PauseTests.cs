namespace OvirtSpm.Node.Tests;

/// <summary>A pause ends when its time is over or when it is stopped, and never goes on inside the cancellation.</summary>
public class PauseTests
{
    [Fact]
    public async Task It_ends_when_its_time_is_over()
    {
        using var stop = new CancellationTokenSource();
        await Pause.ForAsync(TimeSpan.FromMilliseconds(1), TimeProvider.System, stop.Token).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Being_stopped_ends_it_and_its_caller_goes_on_elsewhere()
    {
        using var stop = new CancellationTokenSource();
        var cancelling = 0;
        var inside = false;
        var pausing = PauseAsync();
        cancelling = Environment.CurrentManagedThreadId;
        stop.Cancel();
        cancelling = 0;
        await pausing.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.False(inside);

        async Task PauseAsync()
        {
            await Pause.ForAsync(TimeSpan.FromHours(1), TimeProvider.System, stop.Token).ConfigureAwait(false);
            inside = cancelling == Environment.CurrentManagedThreadId;
        }
    }

    [Fact]
    public void One_that_is_stopped_already_or_has_no_time_is_none()
    {
        Assert.True(Pause.ForAsync(TimeSpan.FromHours(1), TimeProvider.System, new CancellationToken(canceled: true)).IsCompleted);
        Assert.True(Pause.ForAsync(TimeSpan.Zero, TimeProvider.System, CancellationToken.None).IsCompleted);
    }
}
