using System.Text.Json;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>A disk image outside the pool, on a socket of its own and for as long as one piece of work lasts.</summary>
sealed class ServedFile : IAsyncDisposable
{
    const string ExportName = "source";

    public const string NodeName = "outside";

    readonly IServedVolume served;
    readonly DiskFormat format;

    readonly ScratchDirectory directory;

    ServedFile(ScratchDirectory directory, IServedVolume served, DiskFormat format) => (this.directory, this.served, this.format) = (directory, served, format);

    /// <summary>For this work alone.</summary>
    public string Directory => directory.Path;

    public static ServedFile Serve(IVolumeServer server, string scratch, ImageSource source)
    {
        var directory = ScratchDirectory.Create(scratch, QemuImager.SocketPrefix);
        try
        {
            return new ServedFile(directory, server.Serve(directory.At(ExportName), new FileExport(ExportName, source.File)), source.Format);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>For a tool's command line: the declared format, and no backing file whatever a header says.</summary>
    public string Address => "json:" + JsonSerializer.Serialize(Describe());

    /// <summary>The same as a node of qemu-storage-daemon.</summary>
    public string Node
    {
        get
        {
            var node = Describe();
            node["node-name"] = NodeName;
            return JsonSerializer.Serialize(node);
        }
    }

    Dictionary<string, object?> Describe()
    {
        var node = new Dictionary<string, object?>
        {
            ["driver"] = QemuImageTool.Name(format),
            ["read-only"] = true,
            ["file"] = new Dictionary<string, object?>
            {
                ["driver"] = "nbd",
                ["server"] = new Dictionary<string, string> { ["type"] = "unix", ["path"] = served.SocketPath },
                ["export"] = ExportName,
            },
        };
        if (format is DiskFormat.Qcow2 or DiskFormat.Vmdk)
        {
            node["backing"] = null;
        }
        if (format == DiskFormat.Vpc)
        {
            // The size that the footer says, which we read, too; of programs it does not know QEMU would calculate one from cylinders and heads.
            node["force_size_calc"] = "current_size";
        }
        return node;
    }

    public async ValueTask DisposeAsync()
    {
        await served.DisposeAsync();
        directory.Dispose();
    }
}
