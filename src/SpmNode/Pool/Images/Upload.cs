using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>A disk that comes in piece by piece, in any order; finished by whoever sends it, once every announced byte has come.</summary>
/// <remarks>
/// What was announced bounds what is written. What stops half-way stays as it is until it goes on or ends; its volume is then taken back
/// as any creation that did not end.
/// </remarks>
sealed class Upload(long sizeBytes, TimeSpan idleLimit, TimeProvider clock)
{
    const int ShownGaps = 16;

    readonly DiskSession<IRawDisk> session = new("an upload", idleLimit, clock);
    readonly Lock gate = new();
    readonly Coverage coverage = new(sizeBytes);
    IProgress<double> told = new Progress<double>();

    public long SizeBytes => sizeBytes;

    public Task Opened => session.Opened;

    public (long ReceivedBytes, IReadOnlyList<(long OffsetBytes, long LengthBytes)> Missing) Progress
    {
        get
        {
            lock (gate)
            {
                return (coverage.CoveredBytes, coverage.Missing(ShownGaps));
            }
        }
    }

    /// <summary>Takes pieces until all have come and the sender says so. Afterwards the image is whole and nothing writes it any more.</summary>
    public async Task RunAsync(IRawDisk target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        told = progress;
        await session.RunAsync(target, mayWrite, stop);
        await target.FlushAsync(stop);
    }

    public Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken stop) =>
        ChangeAsync(offsetBytes, data.Length, to => to.WriteAsync(offsetBytes, data, stop));

    public Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken stop) =>
        ChangeAsync(offsetBytes, lengthBytes, to => to.ZeroAsync(offsetBytes, lengthBytes, stop));

    public Task FlushAsync(CancellationToken stop) => ChangeAsync(0, 0, to => to.FlushAsync(stop));

    /// <exception cref="Refusal">Outside what was announced; told before a byte of it is read.</exception>
    public void Check(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes - lengthBytes)
        {
            throw Refusal.OutOfRange($"{lengthBytes} bytes at {offsetBytes} are not inside the announced {sizeBytes} ({SizeText.Format(sizeBytes)}). Nothing of them was written.");
        }
    }

    /// <exception cref="Refusal">Something is missing: it says what.</exception>
    public void Finish() => session.Finish(() =>
    {
        var (received, missing) = Progress;
        if (received < sizeBytes)
        {
            throw Refusal.Conflict($"{sizeBytes - received} of the announced {sizeBytes} bytes have not come: {string.Join(", ", missing.Select(gap => $"{gap.LengthBytes} at {gap.OffsetBytes}"))}. Send them, as zeros where they are, or cancel.");
        }
    });

    Task ChangeAsync(long offsetBytes, long lengthBytes, Func<IRawDisk, Task> change)
    {
        Check(offsetBytes, lengthBytes);
        return session.UseAsync(async to =>
        {
            lock (gate)
            {
                // Until it is answered it is unknown, also where something had come before.
                coverage.Remove(offsetBytes, lengthBytes);
            }
            await change(to);
            lock (gate)
            {
                coverage.Add(offsetBytes, lengthBytes);
                told.Report((double)coverage.CoveredBytes / sizeBytes);
            }
        });
    }
}
