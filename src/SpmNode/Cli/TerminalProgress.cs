using Spectre.Console;

namespace OvirtSpm.Node.Cli;

/// <summary>A bar on stderr while something long runs: for a person at a terminal, and nothing otherwise.</summary>
static class TerminalProgress
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    public static async Task<T> RunAsync<T>(string what, bool quiet, Func<IProgress<double>, Task<T>> act)
    {
        var share = new Share();
        if (quiet || Console.IsErrorRedirected)
        {
            return await act(share);
        }
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        // Gone when it ended: what came of it is said in words.
        return await console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async bars =>
            {
                var bar = bars.AddTask(Markup.Escape(what), maxValue: 1);
                var running = act(share);
                while (!running.IsCompleted)
                {
                    await Task.WhenAny(running, Task.Delay(Interval));
                    bar.Value = share.Done;
                }
                return await running;
            });
    }

    sealed class Share : IProgress<double>
    {
        double done;

        public double Done => Volatile.Read(ref done);

        public void Report(double value) => Volatile.Write(ref done, value);
    }
}
