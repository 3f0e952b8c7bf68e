namespace OvirtSpm.Lab.Boot;

/// <summary>Debian's kernel and busybox, unpacked where SPM_LAB says: <c>vmlinuz</c>, <c>modules</c>, <c>busybox</c>.</summary>
internal static class LabKernel
{
    private static readonly string[] Modules =
    [
        "virtio_pci", "virtio_scsi", "sd_mod", "virtio_net", "virtio_console", "9pnet_virtio", "9p", "overlay",
        "crc32c_generic", "dm-mod", "dm-thin-pool", "dm-snapshot", "dm-flakey", "dm-delay", "dm-multipath", "dm-round-robin", "softdog", "i6300esb",
    ];

    public static string? Directory => Environment.GetEnvironmentVariable("SPM_LAB");

    public static string Image => Path.Combine(Directory!, "vmlinuz");

    public static void WriteInitramfs(string path)
    {
        using var file = File.Create(path);
        var archive = new CpioArchive(file);
        archive.AddDirectory("bin");
        archive.AddDirectory("modules");
        archive.AddFile("bin/busybox", File.ReadAllBytes(Path.Combine(Directory!, "busybox")));
        archive.AddFile("init", Resource("init.sh"));
        archive.AddFile("agent.sh", Resource("agent.sh"));
        var order = new KernelModules(Path.Combine(Directory!, "modules")).InOrder(Modules);
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
