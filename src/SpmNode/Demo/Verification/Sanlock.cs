namespace OvirtSpm.Node.Demo.Verification;

/// <summary>The stock sanlock program's reading commands; its daemon is not needed and never started.</summary>
/// <remarks><c>SPM_SANLOCK</c> names a private copy of the program, <c>SPM_SANLOCK_LIB</c> the directory of its libraries.</remarks>
sealed class Sanlock(ChildProcesses children, string lun)
{
    public Task<ToolOutcome> DumpAsync(long offset, long length, CancellationToken stop) =>
        RunAsync(stop, "direct", "dump", $"{EscapedLun}:{offset}:{length}");

    public Task<ToolOutcome> ReadHostAsync(string lockspace, int hostId, long offset, CancellationToken stop) =>
        RunAsync(stop, "direct", "read_leader", "-s", $"{lockspace}:{hostId}:{EscapedLun}:{offset}");

    public Task<ToolOutcome> ReadResourceAsync(string lockspace, string resource, long offset, CancellationToken stop) =>
        RunAsync(stop, "direct", "read_leader", "-r", $"{lockspace}:{resource}:{EscapedLun}:{offset}");

    /// <summary>The lines <c>name value</c> of <c>read_leader</c>.</summary>
    public static IReadOnlyDictionary<string, string> Fields(ToolOutcome outcome)
    {
        var fields = new Dictionary<string, string>();
        foreach (var line in (outcome.Output + "\n" + outcome.Errors).Split('\n'))
        {
            var words = line.Split(' ', 2, StringSplitOptions.TrimEntries);
            if (words.Length == 2)
            {
                fields.TryAdd(words[0], words[1]);
            }
        }
        return fields;
    }

    string EscapedLun => lun.Replace(":", "\\:", StringComparison.Ordinal);

    Task<ToolOutcome> RunAsync(CancellationToken stop, params IEnumerable<string> arguments)
    {
        var environment = new Dictionary<string, string>();
        if (Environment.GetEnvironmentVariable("SPM_SANLOCK_LIB") is { Length: > 0 } libraries)
        {
            environment["LD_LIBRARY_PATH"] = libraries;
        }
        var program = Environment.GetEnvironmentVariable("SPM_SANLOCK") is { Length: > 0 } chosen ? chosen : "sanlock";
        return children.RunAsync(program, arguments, TimeSpan.FromSeconds(60), stop, environment);
    }
}
