using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Interop.Qemu;

namespace OvirtSpm.Interop.Images;

/// <summary>Images made, changed and judged by QEMU's own programs, in a folder that is gone with the test.</summary>
sealed class QemuImages : IDisposable
{
    const string Key = "a key of no value";
    readonly string folder = Directory.CreateTempSubdirectory("spm-images-").FullName;
    readonly string program = QemuTool.Need("qemu-img", "qemu-utils"), io = QemuTool.Need("qemu-io", "qemu-utils");

    public string PathOf(string name) => Path.Combine(folder, name + ".qcow2");

    /// <param name="options">As <c>-o</c> takes them; empty for none.</param>
    public async Task<string> CreateAsync(string name, string options, string size, params string[] more)
    {
        var path = PathOf(name);
        var secret = options.Contains("encrypt", StringComparison.Ordinal) ? new[] { "--object", $"secret,id=s,data={Key}" } : [];
        string[] given = options.Length == 0 ? [] : ["-o", options];
        for (var tries = 1; ; tries++)
        {
            try
            {
                await QemuTool.RunAsync(program, [.. Quiet("create"), .. secret, "-f", "qcow2", .. given, .. more, path, .. size.Length == 0 ? Array.Empty<string>() : [size]]);
                return path;
            }
            catch (Exception failed) when (failed.Message.Contains("accurate CPU usage", StringComparison.Ordinal))
            {
                // For a key it measures how fast it is, and gives up on a machine that does much else.
                Assert.SkipWhen(tries == 20, $"qemu-img cannot make an encrypted image here: {failed.Message.Trim()}");
                File.Delete(path);
            }
        }
    }

    /// <summary>qemu-img with the image as its last argument.</summary>
    public Task ImgAsync(string path, params string[] arguments) => QemuTool.RunAsync(program, [.. arguments, path]);

    public Task<string> AnyAsync(params string[] arguments) => QemuTool.RunAsync(program, arguments);

    /// <summary>qemu-io's commands, one after the other in one opening of the image.</summary>
    public Task WriteAsync(string path, params string[] commands) =>
        QemuTool.RunAsync(io, ["-d", "unmap", .. Encrypted(path) ? SecretOptions(path) : ["-f", "qcow2", path], .. commands.SelectMany(command => new[] { "-c", command })]);

    /// <summary>The same, killed in the end: the image stays as it was at that moment.</summary>
    public async Task WriteAndDieAsync(string path, params string[] commands)
    {
        using var process = Process.Start(new ProcessStartInfo(io, ["-f", "qcow2", path, .. commands.SelectMany(command => new[] { "-c", command }), "-c", "sigraise 9"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal(128 + 9, process.ExitCode);
    }

    /// <returns>Its report, and its exit code: 0 clean, 2 corruptions, 3 leaks.</returns>
    public async Task<(JsonElement? Report, int ExitCode)> CheckAsync(string path)
    {
        var (output, code) = await TryAsync(["check", "--output=json", .. Opening(path)]);
        return (output.StartsWith('{') ? JsonDocument.Parse(output).RootElement : null, code);
    }

    public async Task<JsonElement> MapAsync(string path)
    {
        var (output, code) = await TryAsync(["map", "--output=json", .. Opening(path)]);
        Assert.Equal(0, code);
        return JsonDocument.Parse(output).RootElement;
    }

    public async Task<JsonElement> InfoAsync(string path) =>
        JsonDocument.Parse(await QemuTool.RunAsync(program, "info", "-f", "qcow2", "--output=json", path)).RootElement;

    public async Task<(string Output, int ExitCode)> TryAsync(params string[] arguments)
    {
        using var process = QemuTool.Start(program, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        await error;
        return (await output, process.ExitCode);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>This layer alone: our map does not look into backing files either.</summary>
    static string[] Opening(string path) => Encrypted(path)
        ? ["--object", $"secret,id=s,data={Key}", Json(path, ",\"encrypt\":{\"format\":\"luks\",\"key-secret\":\"s\"}")]
        : [Json(path, "")];

    static string[] SecretOptions(string path) =>
        ["--object", $"secret,id=s,data={Key}", "--image-opts", $"driver=qcow2,encrypt.key-secret=s,file.filename={path}"];

    static string Json(string path, string more) => $$$"""json:{"driver":"qcow2","backing":null{{{more}}},"file":{"driver":"file","filename":"{{{path}}}"}}""";

    static string[] Quiet(string verb) => [verb, "-q"];

    static bool Encrypted(string path) => Path.GetFileName(path).StartsWith("luks", StringComparison.Ordinal);
}
