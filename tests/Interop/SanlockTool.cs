using System.Diagnostics;

namespace OvirtSpm.Interop;

/// <summary>The real sanlock: its "direct" commands, which need no daemon.</summary>
/// <remarks>SPM_SANLOCK names the program (otherwise PATH is searched), SPM_SANLOCK_LIB the folder of its libraries.</remarks>
internal static class SanlockTool
{
    public static string? Program { get; } = Find();

    public static void SkipWhenMissing() => Assert.SkipWhen(Program is null,
        "sanlock is missing: unpack its package with 'apt-get download sanlock libsanlock1' and 'dpkg -x', then set SPM_SANLOCK and SPM_SANLOCK_LIB");

    /// <returns>Exit code, and what it printed on both outputs.</returns>
    public static async Task<(int Code, string Text)> DirectAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program!) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("direct");
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        SetLibraries(start);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }

    public static void SetLibraries(ProcessStartInfo start)
    {
        if (Environment.GetEnvironmentVariable("SPM_SANLOCK_LIB") is { Length: > 0 } libraries)
        {
            start.Environment["LD_LIBRARY_PATH"] = libraries;
        }
    }

    /// <summary>The value of one line "field value" of read_leader.</summary>
    public static string Field(string text, string field) =>
        text.Split('\n').FirstOrDefault(line => line.StartsWith(field + " ", StringComparison.Ordinal))?[(field.Length + 1)..].Trim() ?? $"(no {field})";

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("SPM_SANLOCK") is { Length: > 0 } named)
        {
            return File.Exists(named) ? named : null;
        }

        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin");
        return folders.Select(folder => Path.Combine(folder, "sanlock")).FirstOrDefault(File.Exists);
    }
}
