using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>Files of this host into a pool and out of it, through its SPM.</summary>
public sealed class RemoteTransferTests
{
    const int Size = 1 << 20;

    static readonly CreateVolumeRequest request = new("22222222-0000-0000-0000-000000000001", null, 0, "cow", null, false);

    [Fact]
    public async Task What_reads_as_zeros_is_not_sent_and_the_disk_is_the_same()
    {
        await using var node = await ServedDisks.StartAsync();
        var source = new MemoryDisk(Size);
        new Random(1).NextBytes(source.Bytes);
        source.Bytes.AsSpan(0, 300_000).Clear();
        // What is not known to be zeros, and is, is found out.
        source.Runs = [new(0, 200_000, true), new(200_000, Size - 200_000, false)];
        var (reported, remote) = (new List<double>(), node.Remote(source));
        var volume = await remote.ImportAsync(request, File(), new Told(reported.Add), CancellationToken.None);
        Assert.Equal(ScriptedNode.Volume.Volume, volume.Volume);
        Assert.Equal(source.Bytes, node.Disks.Disk.Bytes);
        Assert.Equal((Size, request.Volume), (Assert.Single(node.Disks.Announced).SizeBytes, node.Disks.Announced[0].Volume.Volume));
        Assert.Equal(1, reported[^1]);
        await node.In.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_disk_is_read_into_a_file_that_is_gone_when_it_was_only_half_way()
    {
        await using var node = await ServedDisks.StartAsync();
        new Random(2).NextBytes(node.Disks.Disk.Bytes);
        node.Disks.Disk.Bytes.AsSpan(1000, 500_000).Clear();
        var folder = Directory.CreateTempSubdirectory("spm-remote-");
        try
        {
            var path = Path.Combine(folder.FullName, "disk");
            await node.Remote(null, (raw, to, _, _, _) =>
            {
                System.IO.File.Copy(raw, to);
                return Task.CompletedTask;
            }).ExportAsync("v", path, DiskFormat.Qcow2, new Told(_ => { }), CancellationToken.None);
            Assert.Equal(node.Disks.Disk.Bytes, await System.IO.File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
            Assert.Equal([path], Directory.GetFiles(folder.FullName));

            await using var again = await ServedDisks.StartAsync();
            var failing = again.Remote(null, (_, _, _, _, _) => throw Refusal.Unavailable("qemu-img is not installed"));
            await Assert.ThrowsAsync<Refusal>(() => failing.ExportAsync("v", path + "2", DiskFormat.Vmdk, new Told(_ => { }), CancellationToken.None));
            Assert.Equal([path], Directory.GetFiles(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Whoever_stops_tells_the_SPM_and_waits_for_the_end()
    {
        await using var node = await ServedDisks.StartAsync();
        node.Tasks.Board.Begin("in", "upload", "v", null, async (_, ended) =>
        {
            await Task.Delay(Timeout.Infinite, ended);
            return ScriptedNode.Volume;
        });
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => node.Remote(new MemoryDisk(Size) { Runs = [new(0, 1000, false), new(1000, Size - 1000, false)] })
            .ImportAsync(request, File(), new Told(_ => stop.Cancel()), stop.Token));
        Assert.Equal("cancelled", node.Tasks.Board.Find("in")!.State);
        Assert.Equal(1000, node.Disks.Incoming.Progress.ReceivedBytes);
    }

    [Fact]
    public async Task Without_an_SPM_nothing_is_begun()
    {
        await using var node = await ServedDisks.StartAsync(leads: false);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => node.Remote(new MemoryDisk(Size)).ImportAsync(request, File(), new Told(_ => { }), CancellationToken.None));
        Assert.Equal(RefusalCode.Unavailable, refusal.Code);
        Assert.Empty(node.Disks.Announced);
    }

    static ImageSource File() => new("disk", DiskFormat.Raw, new NoFile(), Size);

    sealed class ServedDisks : IAsyncDisposable
    {
        readonly ServedNode served;
        readonly CancellationTokenSource ending = new();
        readonly Task outgoing;

        ServedDisks(ServedNode served, ScriptedDisks disks, ScriptedTasks tasks)
        {
            (this.served, Disks, Tasks) = (served, disks, tasks);
            (In, outgoing) = disks.Open(ending.Token);
        }

        public ScriptedDisks Disks { get; }

        public ScriptedTasks Tasks { get; }

        public Task In { get; }

        public static async Task<ServedDisks> StartAsync(bool leads = true)
        {
            var (disks, tasks) = (new ScriptedDisks(), new ScriptedTasks());
            var node = new ScriptedNode { Transfers = disks, Tasks = tasks };
            var served = await ServedNode.StartAsync(node);
            node.LeaderUrl = leads ? served.Url : null;
            return new ServedDisks(served, disks, tasks);
        }

        public RemoteTransfer Remote(IRawDisk? source, ConvertFile? convert = null) =>
            new(served.Url, (_, _) => Task.FromResult(source!), convert ?? ((_, _, _, _, _) => Task.CompletedTask));

        public async ValueTask DisposeAsync()
        {
            await ending.CancelAsync();
            await Task.WhenAll(In, outgoing).ContinueWith(_ => { }, TaskScheduler.Default);
            ending.Dispose();
            await served.DisposeAsync();
        }
    }

    sealed class Told(Action<double> act) : IProgress<double>
    {
        public void Report(double value) => act(value);
    }

    sealed class NoFile : IImageFile
    {
        public long SizeBytes => Size;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
