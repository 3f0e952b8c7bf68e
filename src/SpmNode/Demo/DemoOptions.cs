namespace OvirtSpm.Node.Demo;

/// <summary>What the user asked of the demo.</summary>
/// <param name="Hosts">Node processes, 2 to 16.</param>
/// <param name="Writing">How long the guests write before their last quarter is let loose; the SPM is killed after a third of it.</param>
/// <param name="Lun">A file or block device to use instead of a sparse file of the demo's own; must be empty.</param>
/// <param name="Keep">Where the LUN and the logs stay; null: everything is removed at the end.</param>
/// <param name="Json">Nothing on stdout but the summary, as one line.</param>
public sealed record DemoOptions(int Hosts, TimeSpan Writing, string? Lun, string? Keep, bool Json)
{
    public const int DefaultHosts = 3;
    public const int DefaultSeconds = 30;

    /// <exception cref="Refusal">A value that cannot work, with the range that does.</exception>
    public DemoOptions Validated()
    {
        if (Hosts is < 2 or > 16)
        {
            throw Refusal.Invalid($"--hosts {Hosts}: the demo needs 2 to 16 hosts, since one of them is killed and another takes over.");
        }
        if (Writing.TotalSeconds is < 5 or > 3600)
        {
            throw Refusal.Invalid($"--seconds {Writing.TotalSeconds:0}: give 5 to 3600 seconds.");
        }
        return this;
    }
}
