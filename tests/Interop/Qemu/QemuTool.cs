using System.Diagnostics;

namespace OvirtSpm.Interop.Qemu;

/// <summary>The real programs these tests need. A missing one skips the test with its name; a started one is killed with the test.</summary>
internal static class QemuTool
{
    /// <summary>Longest life of anything started here, should the test process itself be killed.</summary>
    private const int LifeSeconds = 180;

    /// <returns>Full path; skips the test when the program is not there.</returns>
    public static string Need(string program, string package)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin")
            .Where(folder => folder.Length > 0).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"{program} is not installed (Debian package {package})");
        return path!;
    }

    /// <summary>Starts it under <c>timeout</c>, so that nothing outlives the test for long.</summary>
    public static Process Start(string path, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Need("timeout", "coreutils"))
        {
            RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var argument in (string[])["--foreground", "-s", "KILL", $"{LifeSeconds}", path, .. arguments])
            start.ArgumentList.Add(argument);
        return Process.Start(start) ?? throw new InvalidOperationException($"{path} did not start");
    }

    /// <summary>Runs it to its end. Fails the test when it fails.</summary>
    public static async Task<string> RunAsync(string path, params IEnumerable<string> arguments)
    {
        using var process = Start(path, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{path} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output} {await error}");
        return await output;
    }

    public static async Task EndAsync(Process process)
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
