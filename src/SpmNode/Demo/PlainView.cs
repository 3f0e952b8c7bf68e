using System.Diagnostics;

namespace OvirtSpm.Node.Demo;

/// <summary>Lines on stderr: for logs, pipes and <c>--json</c>.</summary>
sealed class PlainView : IDemoView
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    readonly long began = Stopwatch.GetTimestamp();

    public void Say(string what) => Console.Error.WriteLine($"[{Stopwatch.GetElapsedTime(began).TotalSeconds,5:0.0} s] {what}");

    public async Task<T> ShowAsync<T>(DemoBoard board, Func<Task<T>> run)
    {
        var running = run();
        using var timer = new PeriodicTimer(Interval);
        while (!running.IsCompleted)
        {
            var tick = timer.WaitForNextTickAsync().AsTask();
            if (await Task.WhenAny(running, tick) == tick)
            {
                foreach (var row in board.Volumes())
                {
                    Say($"  {row[0]} on {row[1]}: {row[3]} written, {row[2]} allocated, {row[4]} extends, last {row[5]}");
                }
            }
        }
        return await running;
    }
}
