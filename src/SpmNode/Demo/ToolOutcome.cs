namespace OvirtSpm.Node.Demo;

/// <summary>How a tool ended and what it said.</summary>
sealed record ToolOutcome(int ExitCode, string Output, string Errors)
{
    /// <summary>setpriv's exit code for a program that is not there.</summary>
    public const int Missing = 127;

    public bool IsMissing => ExitCode == Missing;

    /// <summary>What a verb of this program said on stderr, without its name in front.</summary>
    public string Words => Errors.Trim() is var said && said.StartsWith("spm: ", StringComparison.Ordinal) ? said["spm: ".Length..] : Excerpt;

    /// <summary>The end of what it said, one line, for a message.</summary>
    public string Excerpt
    {
        get
        {
            var said = (Errors + " " + Output).ReplaceLineEndings(" ").Trim();
            return said.Length <= 300 ? said : "…" + said[^300..];
        }
    }
}
