namespace OvirtSpm.Lab.Hosts;

/// <summary>Writes to a volume that its host's kernel maps, one block after the other, past every cache, and remembers what was acknowledged.</summary>
/// <remarks>Its memory lies in the directory that the host shares with this machine, so it outlives the host.</remarks>
internal sealed class LabGuest
{
    private const int Slots = 16, Blocks = 5, BlockBytes = 256 << 10;

    /// <summary>Slot and block are both taken from the number of the write: what was in a slot before is always another block. A write
    /// that failed is tried again, so that at most one slot is in doubt.</summary>
    private const string Loop = """
        while [ ! -e stop ]; do
            n=$((n + 1)); slot=$((n % 16)); block=$((n % 5))
            echo $slot >trying
            until dd if=block$block of=$device bs=256k seek=$slot count=1 oflag=direct conv=notrunc 2>>said; do
                echo $n >>failed
                [ -e stop ] && exit
                sleep 0.5
            done
            echo $block >acknowledged.new && mv acknowledged.new acknowledged.$slot && echo $n >written
            sleep 0.2
        done
        """;

    private readonly LabPool _pool;
    private readonly string _directory;
    private Task? _running;

    private LabGuest(LabPool pool, LabNode node, string volume) =>
        (_pool, Node, Volume, _directory) = (pool, node, volume, Path.Combine(node.Host.Share, $"guest-{volume}"));

    public LabNode Node { get; private set; }

    public string Volume { get; }

    /// <summary>Writes that were not done: the path was away, or the volume.</summary>
    public int Failed => File.Exists($"{_directory}/failed") ? File.ReadAllLines($"{_directory}/failed").Length : 0;

    /// <summary>The number of the last write that was acknowledged.</summary>
    private int Written => File.Exists($"{_directory}/written") && int.TryParse(File.ReadAllText($"{_directory}/written"), out var last) ? last : 0;

    public static async Task<LabGuest> StartAsync(LabPool pool, LabNode node)
    {
        var guest = new LabGuest(pool, node, await pool.CreateVolumeAsync(node));
        Directory.CreateDirectory(guest._directory);
        for (var block = 0; block < Blocks; block++)
        {
            var bytes = new byte[BlockBytes];
            Random.Shared.NextBytes(bytes);
            await File.WriteAllBytesAsync($"{guest._directory}/block{block}", bytes);
        }
        await guest.GoOnAsync(node);
        return guest;
    }

    /// <summary>On this host, whose node may be another life of the former.</summary>
    public async Task GoOnAsync(LabNode node)
    {
        Node = node;
        await node.DoAsync("POST", $"/v1/volumes/{Volume}/activate");
        File.Delete($"{_directory}/stop");
        _running = node.Host.RunAsync($"cd {_directory}; n={Written}; device={await LabPool.DeviceAsync(node, Volume)}\n{Loop}", TimeSpan.FromHours(1));
        await WritesOnAsync();
    }

    /// <summary>Waits until it has written again, now.</summary>
    public async Task WritesOnAsync()
    {
        var before = Written;
        await LabWait.UntilAsync(LabWait.Patience, () => $"the guest of {Node.Host.Name} writes: {before}, {Failed} failed", () => Task.FromResult(Written > before + 1));
    }

    public async Task StopAsync()
    {
        await File.WriteAllTextAsync($"{_directory}/stop", "");
        await _running!.WaitAsync(LabWait.Patience);
    }

    /// <summary>Stops it where it still runs, reads all that was acknowledged to it, and lets go of the volume.</summary>
    public async Task VerifyAsync()
    {
        if (!_running!.IsFaulted)
        {
            await StopAsync();
        }
        Assert.True(Written > 0);
        var differing = await Node.Host.DoAsync($$"""
            cd {{_directory}}; trying=$(cat trying)
            for slot in $(seq 0 {{Slots - 1}}); do
                [ -s acknowledged.$slot ] || continue
                dd if={{await LabPool.DeviceAsync(Node, Volume)}} bs=256k skip=$slot count=1 iflag=direct 2>/dev/null >/tmp/read || echo "slot $slot cannot be read"
                cmp -s /tmp/read block$(cat acknowledged.$slot) || [ {{(_running.IsFaulted ? "$trying" : "none")}} = $slot ] || echo "slot $slot"
            done
            """);
        Assert.Equal("", differing);
        await Node.DoAsync("POST", $"/v1/volumes/{Volume}/deactivate");
    }
}
