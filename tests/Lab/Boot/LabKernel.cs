namespace OvirtSpm.Lab.Boot;

/// <summary>Debian's kernel and busybox, unpacked where SPM_LAB says: <c>vmlinuz</c>, <c>modules</c>, <c>busybox</c>.</summary>
internal static class LabKernel
{
    private static readonly string[] Modules =
    [
        "virtio_pci", "virtio_scsi", "sd_mod", "virtio_net", "virtio_console", "9pnet_virtio", "9p", "overlay",
        "crc32c_generic", "dm-mod", "dm-thin-pool", "dm-snapshot", "dm-flakey", "dm-delay", "dm-multipath", "dm-round-robin", "softdog", "i6300esb",
    ];

    /// <summary>What a host needs besides when it runs a guest.</summary>
    public static IReadOnlyList<string> Virtualization => InOrder(["kvm", "kvm-amd"]);

    /// <summary>What an iSCSI target and its initiator need besides.</summary>
    public static IReadOnlyList<string> Iscsi => InOrder(["target_core_iblock", "iscsi_target_mod", "iscsi_tcp", "dm-service-time", "scsi_dh_alua"]);

    private static string Busybox => Path.Combine(Directory!, "busybox");

    public static string? Directory => Environment.GetEnvironmentVariable("SPM_LAB");

    public static string Image => Path.Combine(Directory!, "vmlinuz");

    /// <summary>Of a virtual host.</summary>
    public static void WriteInitramfs(string path) => Write(path, "init.sh", Modules);

    /// <summary>Of a guest in a virtual host: it has a disk and nothing else.</summary>
    public static void WriteGuest(string path) => Write(path, "guest.sh", ["virtio_pci", "virtio_scsi", "sd_mod"]);

    /// <summary>A line of shell that loads modules in a host, those it has already left out.</summary>
    /// <param name="modules">Their files.</param>
    public static string Load(IReadOnlyList<string> modules) => $"for module in {string.Join(' ', modules)}; do {Busybox} insmod $module 2>/dev/null || true; done";

    /// <returns>Files.</returns>
    private static IReadOnlyList<string> InOrder(IReadOnlyList<string> modules) => new KernelModules(Path.Combine(Directory!, "modules")).InOrder(modules);

    private static void Write(string path, string init, IReadOnlyList<string> modules)
    {
        using var file = File.Create(path);
        var archive = new CpioArchive(file);
        archive.AddDirectory("bin");
        archive.AddDirectory("modules");
        archive.AddFile("bin/busybox", File.ReadAllBytes(Busybox));
        archive.AddFile("init", Resource(init));
        archive.AddFile("agent.sh", Resource("agent.sh"));
        var order = InOrder(modules);
        foreach (var module in order)
        {
            archive.AddFile($"modules/{Path.GetFileName(module)}", File.ReadAllBytes(module));
        }

        archive.AddFile("modules/order", [.. order.SelectMany(module => System.Text.Encoding.ASCII.GetBytes(Path.GetFileName(module) + "\n"))]);
        archive.End();
    }

    private static byte[] Resource(string name)
    {
        using var stream = typeof(LabKernel).Assembly.GetManifestResourceStream(name)!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
