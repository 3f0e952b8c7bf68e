using System.Diagnostics;
using System.Text.Json;

namespace OvirtSpm.Interop;

/// <summary>Stock lvm2 working on one image through a loop device, blind to every other device of the machine.</summary>
public sealed class LvmTool : IDisposable
{
    private LvmTool(string image, string device)
    {
        Image = image;
        Device = device;
    }

    public string Image { get; }

    /// <summary><c>/dev/loopN</c></summary>
    public string Device { get; }

    /// <summary>Other devices of the same group, which it sees, too.</summary>
    public IReadOnlyList<LvmTool> Beside { get; init; } = [];

    /// <summary>What this machine lacks, for a skip message; null when nothing.</summary>
    public static string? Missing()
    {
        if (Environment.UserName != "root")
        {
            return "needs root for loop devices";
        }
        if (!File.Exists("/dev/loop-control"))
        {
            return "needs loop devices (/dev/loop-control)";
        }
        return Find("lvm") is null ? "needs lvm2 (apt-get install lvm2)" : Find("losetup") is null ? "needs losetup (util-linux)" : null;
    }

    /// <param name="image">An existing file.</param>
    public static LvmTool Attach(string image, int sectorSize = 512, params LvmTool[] beside)
    {
        var result = Execute(Find("losetup")!, ["--show", "-f", "-b", $"{sectorSize}", image]);
        return result.ExitCode == 0
            ? new LvmTool(image, result.Output.Trim()) { Beside = beside }
            : throw new InvalidOperationException($"losetup of {image} failed: {result.Error}");
    }

    /// <summary>A new sparse file in the temporary folder, deleted with the tool.</summary>
    public static LvmTool AttachNew(long bytes, int sectorSize = 512)
    {
        var path = Path.Combine(Path.GetTempPath(), $"spm-lvm-{Guid.NewGuid():n}.img");
        using (var file = File.Create(path))
        {
            file.SetLength(bytes);
        }
        return Attach(path, sectorSize);
    }

    /// <summary>Any lvm command; <c>-an -Zn -Wn</c> is for the caller to give, there is no device-mapper here.</summary>
    public LvmResult Run(string command, params string[] arguments)
    {
        var config = $"devices{{use_devicesfile=0 scan=\"/dev\" filter=[{string.Concat(Beside.Prepend(this).Select(seen => $"\"a|^{seen.Device}$|\","))}\"r|.*|\"] hints=\"none\"}} backup{{backup=0 archive=0}}";
        return Execute(Find("lvm")!, [command, "--driverloaded", "n", "--config", config, .. arguments]);
    }

    /// <exception cref="InvalidOperationException">It failed; with all it printed.</exception>
    public LvmResult MustRun(string command, params string[] arguments)
    {
        var result = Run(command, arguments);
        return result.ExitCode == 0
            ? result
            : throw new InvalidOperationException($"{command} {string.Join(' ', arguments)} exits {result.ExitCode}: {result.Error}{result.Output}");
    }

    /// <summary>A report command in JSON.</summary>
    /// <param name="kind"><c>lv</c>, <c>vg</c>, <c>pv</c> or <c>seg</c>.</param>
    public List<JsonElement> Report(string command, string kind, params string[] arguments)
    {
        var result = MustRun(command, [.. arguments, "--units", "b", "--nosuffix", "--reportformat", "json"]);
        return [.. JsonDocument.Parse(result.Output).RootElement.GetProperty("report")[0].GetProperty(kind).EnumerateArray()];
    }

    public void Dispose()
    {
        Execute(Find("losetup")!, ["-d", Device]);
        if (Path.GetFileName(Image).StartsWith("spm-lvm-", StringComparison.Ordinal))
        {
            File.Delete(Image);
        }
    }

    private static string? Find(string program) =>
        new[] { "/usr/sbin", "/sbin", "/usr/bin", "/bin" }.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static LvmResult Execute(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LVM_SUPPRESS_FD_WARNINGS"] = "1";
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new LvmResult(process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
