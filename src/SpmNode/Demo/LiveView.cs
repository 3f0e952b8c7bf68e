using Spectre.Console;
using Spectre.Console.Rendering;

namespace OvirtSpm.Node.Demo;

/// <summary>A table on a terminal that follows the run.</summary>
sealed class LiveView : IDemoView
{
    const int ShownSentences = 14;
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    readonly Queue<string> sentences = new();
    readonly System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();

    public void Say(string what)
    {
        lock (sentences)
        {
            sentences.Enqueue($"[grey]{clock.Elapsed.TotalSeconds,5:0.0} s[/] {Markup.Escape(what)}");
            if (sentences.Count > ShownSentences)
            {
                sentences.Dequeue();
            }
        }
    }

    public Task<T> ShowAsync<T>(DemoBoard board, Func<Task<T>> run) => AnsiConsole.Live(Draw(board)).StartAsync(async live =>
    {
        var running = run();
        while (!running.IsCompleted)
        {
            await Task.WhenAny(running, Task.Delay(Interval));
            live.UpdateTarget(Draw(board));
        }
        return await running;
    });

    IRenderable Draw(DemoBoard board)
    {
        lock (sentences)
        {
            return new Rows(
                Table(DemoBoard.HostColumns, board.Hosts()),
                Table(DemoBoard.VolumeColumns, board.Volumes()),
                new Markup(string.Join('\n', sentences)));
        }
    }

    static Table Table(string[] columns, IEnumerable<string[]> rows)
    {
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var column in columns)
        {
            table.AddColumn(column);
        }
        foreach (var row in rows)
        {
            var colour = row[1] == ClusterWatch.Leading ? "green" : row[1] == "killed" ? "red" : "default";
            table.AddRow(row.Select(cell => new Markup($"[{colour}]{Markup.Escape(cell)}[/]")));
        }
        return table;
    }
}
