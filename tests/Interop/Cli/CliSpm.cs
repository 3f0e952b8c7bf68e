using System.Diagnostics;

namespace OvirtSpm.Interop.Cli;

/// <summary>The built program, run as a user runs it.</summary>
static class CliSpm
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    /// <summary>Built by the same build as these tests, in the same configuration.</summary>
    public static string Program { get; } = Find();

    public static Task<CliResult> RunAsync(params string[] arguments) => RunAsync(Patience, arguments);

    /// <exception cref="TimeoutException">It hangs; it was killed.</exception>
    public static async Task<CliResult> RunAsync(TimeSpan patience, string[] arguments)
    {
        var watch = Stopwatch.StartNew();
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        using var limit = new CancellationTokenSource(patience);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"spm {string.Join(' ', arguments)} did not end within {patience.TotalSeconds:0} s: {await error}{await output}");
        }
        return new CliResult("spm " + string.Join(' ', arguments), process.ExitCode, await output, await error, watch.Elapsed);
    }

    /// <summary>Runs it and ends it with SIGKILL, a time after the LUN shows what is waited for; not if it ends by itself before.</summary>
    /// <remarks>qemu-img, its child, finds its socket gone and ends.</remarks>
    public static async Task<bool> KillAsync(Func<bool> seen, TimeSpan delay, params string[] arguments)
    {
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && !seen())
        {
            await Task.Delay(2);
        }
        using var limit = new CancellationTokenSource(delay);
        var killed = false;
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            killed = true;
            await process.WaitForExitAsync();
        }
        Assert.True(killed || process.ExitCode == 0, await error + await output);
        return killed;
    }

    public static Process Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    /// <param name="environment">What is set for it beside what is set for all.</param>
    public static Process Start(IReadOnlyDictionary<string, string> environment, string[] arguments)
    {
        Assert.True(File.Exists(Program), $"{Program} is not built");
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("SPM_URL");
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        return Process.Start(start)!;
    }

    static string Find()
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        var root = output;
        while (root.Parent is { } parent && !File.Exists(Path.Combine(root.FullName, "ovirt-spm.sln")))
        {
            root = parent;
        }
        return Path.Combine(root.FullName, "src", "SpmNode", "bin", output.Parent!.Name, output.Name, "spm");
    }
}
