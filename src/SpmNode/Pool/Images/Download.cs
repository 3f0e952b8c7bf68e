namespace OvirtSpm.Node.Pool.Images;

/// <summary>A disk that goes out piece by piece; it stays as it is for as long as that takes.</summary>
sealed class Download(TimeSpan idleLimit, TimeProvider clock)
{
    readonly DiskSession<IRawDisk> session = new("a download", idleLimit, clock);

    public Task Opened => session.Opened;

    public long SizeBytes { get; private set; }

    public Task RunAsync(IRawDisk source, long sizeBytes, Func<bool> holds, CancellationToken stop)
    {
        SizeBytes = sizeBytes;
        return session.RunAsync(source, holds, stop);
    }

    public void Finish() => session.Finish();

    public Task ReadAsync(long offsetBytes, Memory<byte> buffer) => session.UseAsync(from => from.ReadAsync(offsetBytes, buffer, CancellationToken.None));

    public Task<IReadOnlyList<DiskRun>> RunsAsync(CancellationToken stop) => session.UseAsync(from => from.RunsAsync(stop));
}
