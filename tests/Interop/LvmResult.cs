namespace OvirtSpm.Interop;

public sealed record LvmResult(int ExitCode, string Output, string Error)
{
    /// <summary>Everything that was printed, line by line.</summary>
    public IEnumerable<string> Lines => (Error + Output).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
