using System.Diagnostics;

namespace OvirtSpm.Simulation.Mutants;

/// <summary>The sources these tests were built from, and the SDK that built them.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Dotnet { get; } = Environment.GetEnvironmentVariable("DOTNET_ROOT") is { Length: > 0 } home && File.Exists(Path.Combine(home, "dotnet"))
        ? Path.Combine(home, "dotnet")
        : "dotnet";

    /// <returns>Exit code and everything it wrote.</returns>
    public static (int ExitCode, string Output) Run(string program, IEnumerable<string> args, string directory, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, args) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} did not end within {limit.TotalSeconds:0} s");
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "ovirt-spm.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"no repository above {AppContext.BaseDirectory}");
    }
}
