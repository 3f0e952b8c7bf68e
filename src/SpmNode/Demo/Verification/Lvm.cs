namespace OvirtSpm.Node.Demo.Verification;

/// <summary>Stock lvm2, kept to one device and away from the machine's own configuration, locks, backups and device-mapper.</summary>
sealed class Lvm
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly ChildProcesses children;
    readonly string device;
    readonly string home;

    public Lvm(ChildProcesses children, RunDirectory run, string device)
    {
        (this.children, this.device, home) = (children, device, run.At("lvm"));
        Directory.CreateDirectory(home);
    }

    public Task<ToolOutcome> CheckAsync(string group, CancellationToken stop) => RunAsync("vgck", stop, group);

    public Task<ToolOutcome> ListVolumes(string group, CancellationToken stop) =>
        RunAsync("lvs", stop, "--segments", "--reportformat", "json", "--units", "b", "--nosuffix",
            "-o", "lv_name,lv_size,lv_tags,vg_tags,seg_start_pe,seg_pe_ranges", group);

    public Task<ToolOutcome> ListDevices(CancellationToken stop) =>
        RunAsync("pvs", stop, "--reportformat", "json", "--units", "b", "--nosuffix", "-o", "pv_name,pe_start,vg_extent_size");

    /// <summary>What was said beyond the sentence that belongs to running without device-mapper.</summary>
    public static string Complaints(params IEnumerable<ToolOutcome> outcomes) => string.Join("; ", outcomes
        .SelectMany(outcome => outcome.Errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        .Where(line => !line.StartsWith("WARNING: Activation disabled.", StringComparison.Ordinal)));

    Task<ToolOutcome> RunAsync(string program, CancellationToken stop, params IEnumerable<string> arguments) => children.RunAsync(
        program,
        [
            "--driverloaded", "n",
            "--config", $$"""devices{use_devicesfile=0 filter=["a|^{{device}}$|","r|.*|"] hints="none"} global{locking_dir="{{home}}"} backup{backup=0 archive=0}""",
            .. arguments,
        ],
        Patience,
        stop,
        new Dictionary<string, string> { ["LVM_SYSTEM_DIR"] = home, ["LVM_SUPPRESS_FD_WARNINGS"] = "1" });
}
