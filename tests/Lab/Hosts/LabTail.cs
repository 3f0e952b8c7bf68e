namespace OvirtSpm.Lab.Hosts;

/// <summary>What waits behind the ends of the volumes that a host has mapped.</summary>
internal static class LabTail
{
    /// <summary>Waits until a write waits.</summary>
    public static Task WaitingAsync(LabHost host) => LabWait.UntilAsync(LabWait.Patience, () => $"a write waits on {host.Name}", async () => await CountAsync(host) > 0);

    /// <summary>As the kernel counts in the gates.</summary>
    public static async Task<int> CountAsync(LabHost host) => (await host.DoAsync("""
        for gate in $(dmsetup info -c --noheadings -o name,major,minor --separator ' ' | grep spmgate | while read name major minor; do echo $major:$minor; done); do
            cat /sys/dev/block/$gate/inflight
        done
        """)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(line => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
}
