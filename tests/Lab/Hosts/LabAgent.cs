using System.Collections.Concurrent;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>Gives commands to a host through its serial port; scripts and output go through the directory it shares.</summary>
internal sealed class LabAgent : IDisposable
{
    private readonly Stream _port;
    private readonly string _share;
    private readonly ConcurrentDictionary<int, TaskCompletionSource> _running = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _last;

    private LabAgent(Stream port, string share)
    {
        (_port, _share) = (port, share);
        _ = ReadAsync();
    }

    public static async Task<LabAgent> ConnectAsync(string socket, string share, ChildProcess process, CancellationToken stop) =>
        new(await LabHost.SocketAsync(socket, process, stop), share);

    public Task ReadyAsync() => _ready.Task.WaitAsync(LabWait.Patience);

    public async Task<ToolOutcome> RunAsync(string script, TimeSpan patience)
    {
        var number = Interlocked.Increment(ref _last);
        var ended = _running[number] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await File.WriteAllTextAsync(At(number, "sh"), script + "\n");
        await _port.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"{number}\n"));
        await ended.Task.WaitAsync(patience);
        return new ToolOutcome(
            int.Parse(await File.ReadAllTextAsync(At(number, "rc"))), await File.ReadAllTextAsync(At(number, "out")), await File.ReadAllTextAsync(At(number, "err")));
    }

    public void Dispose() => _port.Dispose();

    private string At(int number, string ending) => Path.Combine(_share, $"{number}.{ending}");

    private async Task ReadAsync()
    {
        try
        {
            using var lines = new StreamReader(_port);
            while (await lines.ReadLineAsync() is { } line)
            {
                if (line == "ready")
                {
                    _ready.TrySetResult();
                }
                else if (int.TryParse(line, out var number) && _running.TryRemove(number, out var ended))
                {
                    ended.SetResult();
                }
            }
        }
        catch (Exception failed) when (failed is IOException or ObjectDisposedException)
        {
            // The end of the host; whoever waits is told below.
        }

        var off = new IOException("the host went off");
        _ready.TrySetException(off);
        foreach (var (_, ended) in _running)
        {
            ended.TrySetException(off);
        }
    }
}
