using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Interop.Nbd;

/// <summary>A volume on a LUN that is a file: extents of 4 MiB scattered backwards, so that a wrong mapping shows.</summary>
internal sealed class NbdVolume : IAsyncDisposable
{
    public const int MiB = 1 << 20;
    public const int ExtentBytes = 4 * MiB;

    readonly string directory = Directory.CreateTempSubdirectory("spm-nbd-").FullName;
    readonly DirectBlockDevice device;
    readonly DeviceLane lane;
    readonly List<VolumeSegment> segments = [];
    readonly long lunBytes;
    ulong seqno;
    NbdServer? server;

    public NbdVolume(int lunMiB, int extents, long maximumBytes, int sectorSize = 512, bool growByItself = false, TimeSpan? holdLimit = null, bool passTrims = false, byte fill = 0)
    {
        lunBytes = (long)lunMiB * MiB;
        LunPath = Path.Combine(directory, "lun");
        SocketPath = Path.Combine(directory, "v.sock");
        using (var file = File.Create(LunPath))
        {
            file.SetLength(lunBytes);
            if (fill != 0)
            {
                var block = new byte[MiB];
                Array.Fill(block, fill);
                for (var i = 0; i < lunMiB; i++)
                {
                    file.Write(block);
                }
            }
        }

        device = DirectBlockDevice.Open(LunPath, sectorSize: sectorSize);
        lane = device.OpenLane("data", threads: 8);
        Export = new(
            new("vol", maximumBytes) { HoldLimit = holdLimit ?? TimeSpan.FromSeconds(20), PassTrims = passTrims },
            NextTable(extents),
            sectorSize,
            new GrowthCallback((wanted, _) =>
            {
                Asked.Add(wanted);
                if (growByItself)
                {
                    GrowTo((int)((wanted + ExtentBytes - 1) / ExtentBytes));
                    return Task.FromResult(GrowthAnswer.Granted);
                }

                return Task.FromResult(GrowthAnswer.Later);
            }),
            BootTimeProvider.Instance);
        Start();
    }

    public string LunPath { get; }

    public string SocketPath { get; }

    public VolumeExport Export { get; }

    public List<long> Asked { get; } = [];

    public string Uri => $"nbd+unix:///vol?socket={SocketPath}";

    public string Raw(int reconnectDelay = 0) =>
        $"driver=raw,file.driver=nbd,file.export=vol,file.server.type=unix,file.server.path={SocketPath},file.reconnect-delay={reconnectDelay}";

    public string Qcow2 => $"driver=qcow2,file.driver=nbd,file.export=vol,file.server.type=unix,file.server.path={SocketPath}";

    public string Beside(string name) => Path.Combine(directory, name);

    public void Start() => server = NbdServer.Start(SocketPath, Export, new() { Memory = AlignedBufferPool.Shared });

    public Task<bool> StopAsync() => server!.StopAsync(TimeSpan.FromSeconds(20));

    public void GrowTo(int extents) => Assert.IsType<GrowOutcome.Grown>(Export.Grow(NextTable(extents)));

    /// <summary>The volume's bytes as they lie on the LUN, put together by this test's own arithmetic.</summary>
    public byte[] Stored(long offsetBytes, int length)
    {
        using var lun = File.OpenRead(LunPath);
        var bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            var at = offsetBytes + done;
            var part = (int)Math.Min(length - done, ExtentBytes - at % ExtentBytes);
            lun.Position = ExtentStart((int)(at / ExtentBytes)) + at % ExtentBytes;
            lun.ReadExactly(bytes, done, part);
            done += part;
        }

        return bytes;
    }

    /// <summary>Every byte of the LUN outside the volume.</summary>
    public bool OutsideIs(byte value)
    {
        using var lun = File.OpenRead(LunPath);
        var inside = Enumerable.Range(0, (int)(Export.AllocatedBytes / ExtentBytes)).Select(ExtentStart).ToHashSet();
        var extent = new byte[ExtentBytes];
        for (long at = 0; at < lunBytes; at += ExtentBytes)
        {
            lun.Position = at;
            lun.ReadExactly(extent);
            if (!inside.Contains(at) && extent.AsSpan().IndexOfAnyExcept(value) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await server!.DisposeAsync();
        Assert.IsType<DeactivateOutcome.Returned>(await Export.DeactivateAsync(TimeSpan.FromSeconds(20)));
        device.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    SegmentTable NextTable(int extents)
    {
        while (segments.Count < extents)
        {
            segments.Add(new(lane, ExtentStart(segments.Count), ExtentBytes));
        }

        return new(segments, epoch: 1, ++seqno);
    }

    // Every second extent, from the end: neighbours in the volume are never neighbours on the LUN.
    long ExtentStart(int index) => lunBytes - (2L * index + 1) * ExtentBytes;
}
