using System.Diagnostics;

namespace OvirtSpm.Node.Tests.Linux;

/// <summary>Programs of the system that a test compares with; a test without its program is skipped by name.</summary>
internal static class Tool
{
    public static void Needs(string name)
    {
        var found = (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin").Split(':')
            .Any(directory => directory.Length > 0 && File.Exists(Path.Combine(directory, name)));
        Assert.SkipUnless(found, $"{name} is not installed");
    }

    /// <returns>What it printed; a failure fails the test with its own words.</returns>
    public static string Run(string name, params string[] arguments)
    {
        var (code, output, errors) = Try(name, arguments);
        Assert.True(code == 0, $"{name} {string.Join(' ', arguments)} ended with {code}: {errors}");
        return output;
    }

    public static (int Code, string Output, string Errors) Try(string name, params string[] arguments)
    {
        using var process = Start(name, arguments);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    public static Process Start(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start)!;
    }

    /// <summary>Compiles one C source and returns the program's path.</summary>
    public static string Compile(ScratchFile scratch, string name, string source)
    {
        Needs("gcc");
        var file = scratch.Beside(name + ".c");
        File.WriteAllText(file, source);
        Run("gcc", "-O1", "-o", scratch.Beside(name), file);
        return scratch.Beside(name);
    }
}
