using System.Diagnostics;
using OvirtSpm.Node.Activation.Nbd.Client;

namespace OvirtSpm.Node.Demo;

/// <summary>Plays the guest: writes the pattern through QEMU's own export and measures what a guest would feel.</summary>
sealed class GuestWriter(NbdClient disk, PatternData pattern, WritePlan plan)
{
    readonly Lock gate = new();
    long nextOffset;
    long writtenBytes;
    long errors;
    double slowestMilliseconds;

    /// <summary>Acknowledged to the guest.</summary>
    public long WrittenBytes => Interlocked.Read(ref writtenBytes);

    public long TotalBytes => plan.TotalBytes;

    public long Errors => Interlocked.Read(ref errors);

    public double SlowestMilliseconds
    {
        get { lock (gate) return slowestMilliseconds; }
    }

    /// <summary>The first error, for people.</summary>
    public string? FirstError { get; private set; }

    /// <summary>Begins no further write; what is under way is finished and flushed.</summary>
    public void FinishEarly()
    {
        lock (gate) nextOffset = plan.TotalBytes;
    }

    /// <summary>Writes what is to be there before anybody watches.</summary>
    public Task WriteHeadAsync(CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, plan.Depth).Select(_ => WorkAsync(plan.HeadBytes, 0, Task.CompletedTask, stop)));

    /// <param name="letLoose">The unpaced part begins after the paced time and not before this has completed.</param>
    public async Task RunAsync(Task letLoose, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, plan.Depth).Select(_ => WorkAsync(plan.TotalBytes, began, letLoose, stop)));
        await CountAsync("flush", () => disk.FlushAsync(stop));
    }

    async Task WorkAsync(long endBytes, long began, Task letLoose, CancellationToken stop)
    {
        var buffer = new byte[plan.RequestBytes];
        while (TakeOffset(endBytes) is { } offset)
        {
            pattern.Fill(offset, buffer);
            var early = plan.DueAt(offset) - Stopwatch.GetElapsedTime(began);
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, stop);
            }
            if (offset >= plan.PacedBytes)
            {
                await letLoose.WaitAsync(stop);
            }
            if (await CountAsync($"write of {buffer.Length} bytes at {offset}", () => disk.WriteAsync(offset, buffer, stop)))
            {
                Interlocked.Add(ref writtenBytes, buffer.Length);
            }
        }
    }

    long? TakeOffset(long endBytes)
    {
        lock (gate)
        {
            if (nextOffset >= endBytes)
            {
                return null;
            }
            nextOffset += plan.RequestBytes;
            return nextOffset - plan.RequestBytes;
        }
    }

    async Task<bool> CountAsync(string what, Func<Task<uint>> request)
    {
        var began = Stopwatch.GetTimestamp();
        string? trouble;
        try
        {
            var error = await request();
            trouble = error == 0 ? null : $"{what}: error {error}";
        }
        catch (IOException gone)
        {
            trouble = $"{what}: {gone.Message}";
        }
        var milliseconds = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        lock (gate)
        {
            slowestMilliseconds = Math.Max(slowestMilliseconds, milliseconds);
            FirstError ??= trouble;
        }
        if (trouble is not null)
        {
            Interlocked.Increment(ref errors);
        }
        return trouble is null;
    }
}
