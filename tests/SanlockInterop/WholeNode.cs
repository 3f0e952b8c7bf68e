using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.SanlockInterop;

/// <summary>A domain on a sparse file, and one node of it as a process; gone with the test.</summary>
internal sealed class WholeNode : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("spm-");
    private Process? node;
    private NodeClient? client;
    private string lockspace = "", ids = "";
    private long leases;

    private string Lun => Path.Combine(folder.FullName, "lun");

    // Short: a socket of a volume lies below it.
    private string State => Path.Combine(folder.FullName, "s");

    /// <summary>As sanlock's command line names it.</summary>
    public string SpmResource { get; private set; } = "";

    public NodeClient Client => client!;

    /// <summary>A volume's own lease, as oVirt places it: slot n's at (100 + n) MiB of the volume <c>leases</c>.</summary>
    public string VolumeResource(VolumeReply volume) => $"{lockspace}:{volume.Volume}:{Lun}:{leases + ((100 + volume.Slot!.Value) * (1L << 20))}";

    public string Lockspace(int hostId) => $"{lockspace}:{hostId}:{Lun}:{ids}";

    public static async Task<WholeNode> CreateDomainAsync(int ioTimeoutSeconds)
    {
        var made = new WholeNode();
        await using (var file = File.Create(made.Lun))
        {
            file.SetLength(24L << 30);
        }

        using (var create = made.Spm("domain", "create", "--lun", made.Lun, "--io-timeout", $"{ioTimeoutSeconds}", "--watchdog-timeout", "0", "--extent-size", "128M"))
        {
            await create.WaitForExitAsync();
            Assert.Equal(0, create.ExitCode);
        }

        using var lun = Node.Linux.Lun.Open(made.Lun, readOnly: true);
        var domain = await PoolDomain.OpenAsync(lun);
        made.lockspace = domain.Lockspace;
        made.ids = $"{At("ids")}";
        made.leases = At("leases");
        made.SpmResource = $"{domain.Lockspace}:{PoolDomain.SpmResource}:{made.Lun}:{made.leases + domain.SpmLeaseOffset}";
        return made;

        long At(string special) => domain.Group.PhysicalVolumes[0].ExtentStartBytes
            + (domain.Group.Find(special)!.Segments[0].Areas[0].StartExtent * domain.Group.ExtentSizeBytes);
    }

    /// <summary>Starts it; returns when it holds its host id.</summary>
    public async Task StartAsync()
    {
        Directory.CreateDirectory(State);
        var url = Path.Combine(State, "url");
        File.Delete(url);
        var configuration = Path.Combine(folder.FullName, "node.json");
        await File.WriteAllTextAsync(configuration, JsonSerializer.Serialize(new { RunDirectory = State }));
        node = Spm("node", "--config", configuration, "--lun", Lun, "--host-id", "1", "--name", "ours", "--listen", "127.0.0.1:0", "--state", State);
        await Until.HoldsAsync("the node listens", Patience, () => Task.FromResult(File.Exists(url) && new FileInfo(url).Length > 0));
        client = new NodeClient(await File.ReadAllTextAsync(url), TimeSpan.FromSeconds(30));
        await Until.HoldsAsync("the node holds its host id", Patience, async () => (await client.StatusAsync()) is { LeaseMarginSeconds: > 0 });
    }

    public async Task<string> RoleAsync() => (await client!.StatusAsync()).Role;

    public Task LeadsAsync() => Until.HoldsAsync("the node leads", Patience, async () => await RoleAsync() == "leading");

    /// <summary>Who owns the SPM lease on disk, read by nobody's host.</summary>
    public async Task<LeaderView> LeaderAsync()
    {
        using var lun = Node.Linux.Lun.Open(Lun, readOnly: true);
        var domain = await PoolDomain.OpenAsync(lun);
        var keeper = new LeaseKeeper(domain.Ids, domain.Geometry, domain.Lockspace, 200, "observer", domain.Timing, BootTimeProvider.Instance, SystemChoice.Instance, (_, _) => null);
        return await new ResourceLease(
            domain.Leases, domain.SpmLeaseOffset, domain.Geometry, domain.Lockspace, PoolDomain.SpmResource, keeper, BootTimeProvider.Instance, SystemChoice.Instance).PeekAsync();
    }

    public async Task KillAsync()
    {
        node!.Kill();
        await node.WaitForExitAsync();
        node.Dispose();
        node = null;
        await client!.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (node is not null)
        {
            await KillAsync();
        }

        folder.Delete(recursive: true);
    }

    private Process Spm(params string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "spm"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

        // What it says is read by nobody, but a full pipe would stop it.
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
