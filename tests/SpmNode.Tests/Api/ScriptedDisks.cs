using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>One upload into memory and one download of it.</summary>
sealed class ScriptedDisks : IDiskTransfers
{
    public MemoryDisk Disk { get; } = new(1 << 20);

    public Upload Incoming { get; } = new(1 << 20, TimeSpan.FromHours(1), TimeProvider.System);

    public Download Outgoing { get; } = new(TimeSpan.FromHours(1), TimeProvider.System);

    /// <summary>Both are open.</summary>
    public (Task In, Task Out) Open(CancellationToken stop) => (
        Incoming.RunAsync(Disk, () => true, new Progress<double>(), stop), Outgoing.RunAsync(Disk, Disk.SizeBytes, () => true, stop));

    public List<UploadRequest> Announced { get; } = [];

    public Task<TransferReply> BeginUploadAsync(UploadRequest request)
    {
        Announced.Add(request);
        return Task.FromResult(Get("in"));
    }

    public Task<TransferReply> BeginDownloadAsync(string reference, string? request) => Task.FromResult(Get("out"));

    public Task<DepartureReply> BeginDepartureAsync(DepartureRequest request) => Task.FromResult(new DepartureReply(request.From, null, 0, []));

    public Departure Departure(string transfer) => throw Refusal.NotFound("no such departure");

    public Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop) => Task.FromResult(new MeasureReply(1, 2, 3, 4, 5, 6));

    public TransferReply Get(string transfer) => new(
        transfer, "upload", "v", "running", Incoming.SizeBytes, Incoming.Progress.ReceivedBytes, [.. Incoming.Progress.Missing.Select(gap => new RangeReply(gap.OffsetBytes, gap.LengthBytes))]);

    public Upload Upload(string transfer) => transfer == "in" ? Incoming : throw Refusal.NotFound("no such upload");

    public Download Download(string transfer) => transfer == "out" ? Outgoing : throw Refusal.NotFound("no such download");

    public Task<VolumeReply> FinishAsync(string transfer)
    {
        if (transfer == "out")
        {
            Outgoing.Finish();
        }
        else
        {
            Incoming.Finish();
        }
        return Task.FromResult(ScriptedNode.Volume);
    }
}

/// <summary>A disk in memory; full of something, so that zeros have to be written.</summary>
sealed class MemoryDisk(int sizeBytes) : IRawDisk
{
    public byte[] Bytes { get; } = [.. Enumerable.Repeat((byte)0xEE, sizeBytes)];

    public int Flushes { get; private set; }

    /// <summary>What happens instead of the next writes.</summary>
    public Func<Task>? Fails { get; set; }

    public long SizeBytes => sizeBytes;

    public Task ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken stop)
    {
        Bytes.AsMemory((int)offsetBytes, buffer.Length).CopyTo(buffer);
        return Task.CompletedTask;
    }

    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken stop)
    {
        await (Fails?.Invoke() ?? Task.CompletedTask);
        data.CopyTo(Bytes.AsMemory((int)offsetBytes));
    }

    public Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken stop)
    {
        Bytes.AsSpan((int)offsetBytes, (int)lengthBytes).Clear();
        return Task.CompletedTask;
    }

    public Task FlushAsync(CancellationToken stop)
    {
        Flushes++;
        return Task.CompletedTask;
    }

    /// <summary>What is said of it.</summary>
    public IReadOnlyList<DiskRun> Runs { get; set; } = [new(0, sizeBytes, false)];

    public Task<IReadOnlyList<DiskRun>> RunsAsync(CancellationToken stop) => Task.FromResult(Runs);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
