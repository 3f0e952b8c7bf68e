using System.Text.Json;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>A disk image outside the pool, on a socket of its own and for as long as one piece of work lasts.</summary>
sealed class ServedFile : IAsyncDisposable
{
    const string ExportName = "source";

    readonly string directory;
    readonly IServedVolume served;
    readonly DiskFormat format;

    ServedFile(string directory, IServedVolume served, DiskFormat format) => (this.directory, this.served, this.format) = (directory, served, format);

    public static ServedFile Serve(IVolumeServer server, string scratch, ImageSource source)
    {
        var directory = ServedLayers.NewDirectory(scratch);
        try
        {
            return new ServedFile(directory, server.Serve(Path.Combine(directory, ExportName), new FileExport(ExportName, source.File)), source.Format);
        }
        catch
        {
            System.IO.Directory.Delete(directory, recursive: true);
            throw;
        }
    }

    /// <summary>For a tool's command line: the declared format, and no backing file whatever a header says.</summary>
    public string Address
    {
        get
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
            return "json:" + JsonSerializer.Serialize(node);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await served.DisposeAsync();
        System.IO.Directory.Delete(directory, recursive: true);
    }
}
