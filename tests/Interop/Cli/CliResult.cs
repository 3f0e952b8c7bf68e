using System.Text.Json;

namespace OvirtSpm.Interop.Cli;

/// <summary>What one run of the program gave back.</summary>
sealed record CliResult(string Command, int ExitCode, string Output, string Error, TimeSpan Took)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Done: exit code 0.</summary>
    public CliResult Succeeded() => Exits(0);

    /// <summary>Refused or failed: exit code 1, nothing on stdout, and a sentence that names all of <paramref name="said"/>.</summary>
    public CliResult Refused(params string[] said) => Complains(1, said);

    /// <summary>Wrong usage: exit code 2.</summary>
    public CliResult Misused(params string[] said) => Complains(2, said);

    public CliResult Exits(int code)
    {
        IsCivil();
        Assert.True(ExitCode == code, ToString());
        return this;
    }

    /// <summary>However it went: no stack trace, no silence after a failure, an end within seconds.</summary>
    public CliResult IsCivil()
    {
        var all = Output + Error;
        Assert.False(
            all.Contains("Unhandled exception", StringComparison.OrdinalIgnoreCase) || all.Contains("at OvirtSpm.", StringComparison.Ordinal)
            || all.Contains("at System.", StringComparison.Ordinal) || all.Contains("defect", StringComparison.Ordinal), ToString());
        Assert.True(ExitCode is 0 or 1 or 2, ToString());
        return this;
    }

    public override string ToString() => $"{Command}\nexit {ExitCode} after {Took.TotalSeconds:0.0} s\n{Error}{Output}";

    CliResult Complains(int code, string[] said)
    {
        Exits(code);
        Assert.True(Output.Length == 0, ToString());
        Assert.True(Error.StartsWith("spm: ", StringComparison.Ordinal) && Error.TrimEnd().Length > 20, ToString());
        foreach (var words in said)
        {
            Assert.True(Error.Contains(words, StringComparison.OrdinalIgnoreCase), $"'{words}' is not said.\n{this}");
        }
        return this;
    }
}
