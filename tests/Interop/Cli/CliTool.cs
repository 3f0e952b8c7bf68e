using System.Diagnostics;

namespace OvirtSpm.Interop.Cli;

/// <summary>Stock programs of the machine.</summary>
static class CliTool
{
    public static bool Exists(string program) => Find(program) is not null;

    /// <returns>What it said on stdout, and on stderr after it.</returns>
    public static Task<string> RunAsync(string program, params string[] arguments) => RunWithAsync(Find(program)!, null, arguments);

    /// <param name="libraries">Where its libraries are, for one that is not installed.</param>
    public static async Task<string> RunWithAsync(string program, string? libraries, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        if (libraries is not null)
        {
            start.Environment["LD_LIBRARY_PATH"] = libraries;
        }
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} exits {process.ExitCode}: {await error}{output}");
        return output + await error;
    }

    static string? Find(string program) =>
        new[] { "/usr/sbin", "/sbin", "/usr/bin", "/bin" }.Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
