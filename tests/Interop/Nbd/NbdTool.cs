using System.Diagnostics;

namespace OvirtSpm.Interop.Nbd;

/// <summary>QEMU's clients. Without them the tests are skipped by the missing program's name.</summary>
internal static class NbdTool
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static void Needs(params string[] names)
    {
        foreach (var name in names)
        {
            var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => directory.Length > 0 && File.Exists(Path.Combine(directory, name)));
            Assert.SkipUnless(found, $"{name} is not installed (Debian: qemu-utils)");
        }
    }

    public static Process Start(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start)!;
    }

    /// <returns>Both outputs together; qemu-io reports errors on the first and success in its exit code.</returns>
    public static async Task<string> EndAsync(Process process)
    {
        using var patience = new CancellationTokenSource(Patience);
        process.StandardInput.Close();
        try
        {
            var errors = process.StandardError.ReadToEndAsync(patience.Token);
            var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return output + await errors;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.Dispose();
        }
    }

    public static async Task<string> RunAsync(string name, params string[] arguments)
    {
        var process = Start(name, arguments);
        var id = process.Id;
        using var patience = new CancellationTokenSource(Patience);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        var text = output + await errors;
        Assert.True(process.ExitCode == 0, $"{name} {string.Join(' ', arguments)} (process {id}) ended with {process.ExitCode}: {text}");
        process.Dispose();
        return text;
    }

    public static Task<string> IoAsync(string image, params string[] commands) => RunAsync("qemu-io", [.. Io(image, commands)]);

    public static IEnumerable<string> Io(string image, params string[] commands) =>
        ["--image-opts", image, .. commands.SelectMany(command => new[] { "-c", command })];
}
