using OvirtSpm.Lab.Boot;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>One test's virtual hosts, its LUNs and the network between them. Everything ends with it, and leaves nothing behind.</summary>
internal sealed class LabRun : IAsyncDisposable
{
    private readonly RunDirectory _directory = RunDirectory.Create(keep: null, neededBytes: 1L << 30);
    private readonly List<LabHost> _hosts = [];
    private readonly Lazy<Task<LabNetwork>> _network;

    private LabRun()
    {
        Children = new ChildProcesses(_directory);
        _network = new(() => LabNetwork.CreateAsync(this));
        LabKernel.WriteInitramfs(Initramfs);
    }

    public ChildProcesses Children { get; }

    public string Initramfs => _directory.At("initramfs");

    public static LabRun Create()
    {
        Assert.SkipWhen(LabKernel.Directory is null, "no kernel for virtual hosts (Debian packages linux-image-amd64 and busybox-static, which ./spm unpacks; SPM_LAB names where they are)");
        Assert.SkipUnless(Path.Exists("/usr/bin/qemu-system-x86_64"), "no qemu-system-x86_64 for virtual hosts (Debian package qemu-system-x86)");
        // Of a run that was killed.
        Leftovers.Remove(_ => { });
        return new LabRun();
    }

    /// <summary>Made for its first host.</summary>
    public Task<LabNetwork> NetworkAsync() => _network.Value;

    public string At(string name) => _directory.At(name);

    public string Log(string name) => _directory.Log(name);

    /// <summary>A sparse file that any number of hosts have as their disk.</summary>
    /// <remarks>Begins with a block that is there. QEMU tries at the start of a file how small a request may be, is misled by a hole, and from then on
    /// reads and writes 4 KiB around every sector, not noticing what other hosts write there meanwhile: renewals of host ids get lost.</remarks>
    public LabLun CreateLun(string name, long bytes, int sectorSize = 512)
    {
        using var file = new FileStream(At(name), FileMode.CreateNew);
        file.SetLength(bytes);
        file.Write(new byte[4096]);
        file.Flush(flushToDisk: true);
        return new LabLun(name, At(name), sectorSize);
    }

    public async Task<LabHost> BootAsync(int number, params IReadOnlyList<LabLun> luns)
    {
        var host = await LabHost.BootAsync(this, number, luns);
        lock (_hosts)
        {
            _hosts.Add(host);
        }

        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
        {
            await host.DisposeAsync();
        }

        Children.Dispose();
        _directory.Dispose();
    }
}
