using System.Text.Json;
using OvirtSpm.Node.Activation.Nbd.Client;
using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>What an image reads as, through qemu-storage-daemon: the daemon has the image open, this is its client.</summary>
sealed class QemuRawDisk : IRawDisk
{
    const int LongestZero = 1 << 30;
    const uint NoSpace = 28, NotPermitted = 1;

    readonly IAsyncDisposable served;
    readonly StorageDaemon daemon;
    readonly NbdClient client;
    readonly string address, name;

    QemuRawDisk(IAsyncDisposable served, StorageDaemon daemon, NbdClient client, string address, string name) =>
        (this.served, this.daemon, this.client, this.address, this.name) = (served, daemon, client, address, name);

    public long SizeBytes => client.SizeBytes;

    /// <summary>Takes over what it is given: all of it ends with the disk, or here when it cannot be opened.</summary>
    /// <param name="name">For people.</param>
    public static async Task<QemuRawDisk> OpenAsync(IAsyncDisposable served, Func<Task<StorageDaemon>> open, bool writable, string name, CancellationToken stop)
    {
        StorageDaemon? daemon = null;
        try
        {
            daemon = await open();
            var address = await daemon.ExportAsync(stop, writable);
            return new QemuRawDisk(served, daemon, await NbdClient.ConnectAsync(daemon.Socket, StorageDaemon.ExportName, stop), address, name);
        }
        catch
        {
            await (daemon?.DisposeAsync() ?? ValueTask.CompletedTask);
            await served.DisposeAsync();
            throw;
        }
    }

    public async Task ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken stop) => Check(await AskAsync(() => client.ReadAsync(offsetBytes, buffer, stop)), "read");

    // Without the caller's token: a request that was sent is waited for, or its buffer would be somebody else's already.
    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken stop) =>
        Check(await AskAsync(() => client.WriteAsync(offsetBytes, data, CancellationToken.None)), "written");

    public async Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken stop)
    {
        for (var done = 0L; done < lengthBytes; done += LongestZero)
        {
            stop.ThrowIfCancellationRequested();
            var step = (int)Math.Min(LongestZero, lengthBytes - done);
            Check(await AskAsync(() => client.ZeroAsync(offsetBytes + done, step, CancellationToken.None)), "written");
        }
    }

    public async Task FlushAsync(CancellationToken stop) => Check(await AskAsync(() => client.FlushAsync(CancellationToken.None)), "flushed");

    public async Task<IReadOnlyList<DiskRun>> RunsAsync(CancellationToken stop)
    {
        var map = await QemuCommand.RunAsync($"reading where {name} has data", ["map", "--output=json", "-f", "raw", address], null, stop);
        var runs = new List<DiskRun>();
        using var json = JsonDocument.Parse(map);
        foreach (var entry in json.RootElement.EnumerateArray())
        {
            var run = new DiskRun(entry.GetProperty("start").GetInt64(), entry.GetProperty("length").GetInt64(), entry.GetProperty("zero").GetBoolean());
            if (runs is [.., var last] && last.Zero == run.Zero)
            {
                runs[^1] = last with { Length = last.Length + run.Length };
            }
            else
            {
                runs.Add(run);
            }
        }
        return runs;
    }

    public async ValueTask DisposeAsync()
    {
        await client.DisposeAsync();
        await daemon.DisposeAsync();
        await served.DisposeAsync();
    }

    async Task<uint> AskAsync(Func<Task<uint>> ask)
    {
        try
        {
            return await ask();
        }
        catch (IOException gone)
        {
            throw Refusal.Unavailable($"{name} cannot be reached any more: {gone.Message}");
        }
    }

    void Check(uint error, string done)
    {
        switch (error)
        {
            case 0:
                return;
            case NoSpace:
                throw Refusal.NoSpace($"{name} was not {done}: the pool is full. Delete volumes or add a device, then send the same again.");
            case NotPermitted:
                throw Refusal.NotLeader($"{name} was not {done}: this host is not SPM any more.");
            default:
                throw Refusal.Unavailable($"{name} was not {done}: error {error}. See the node's log; sending the same again is harmless.");
        }
    }
}
