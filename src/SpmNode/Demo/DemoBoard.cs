using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo;

/// <summary>What there is to see of a run: rows of text for a table or for lines.</summary>
sealed class DemoBoard
{
    public static readonly string[] HostColumns = ["host", "role", "epoch", "lease margin", "commits"];
    public static readonly string[] VolumeColumns = ["guest", "on", "allocated", "written", "extends", "last latency", "slowest write", "state"];

    public ClusterWatch? Cluster { get; set; }

    public IReadOnlyList<DemoGuest> Guests { get; set; } = [];

    /// <summary>The host that was killed on purpose; others that are gone ended in good order or did not.</summary>
    public NodeProcess? Killed { get; set; }

    readonly Dictionary<string, GuestDiskReply> lastDisks = [];

    public IEnumerable<string[]> Hosts()
    {
        foreach (var node in Cluster?.Nodes ?? [])
        {
            var status = Cluster!.StatusOf(node);
            yield return node.Process.HasExited
                ? [node.Name, node == Killed ? "killed" : "ended", "", "", $"{status?.Commits}"]
                :
                [
                    node.Name,
                    status?.Role ?? "…",
                    $"{status?.Epoch}",
                    status is null ? "" : $"{status.LeaseMarginSeconds:0.0} s",
                    $"{status?.Commits}",
                ];
        }
    }

    public IEnumerable<string[]> Volumes()
    {
        foreach (var guest in Guests)
        {
            var disk = DiskOf(guest);
            yield return
            [
                guest.Name,
                guest.Host.Name,
                disk is null ? "" : Mebibytes(disk.AllocatedBytes),
                $"{Mebibytes(guest.Writer.WrittenBytes)} of {Mebibytes(guest.Writer.TotalBytes)}",
                $"{disk?.Extends}",
                disk?.LastLatencyMilliseconds is { } milliseconds ? $"{milliseconds:0.0} ms" : "",
                $"{guest.Writer.SlowestMilliseconds:0} ms",
                guest.Writer.Errors > 0 ? $"{guest.Writer.Errors} write errors" : disk?.State ?? "",
            ];
        }
    }

    /// <summary>A guest that is off is shown as it was last seen.</summary>
    GuestDiskReply? DiskOf(DemoGuest guest)
    {
        if (Cluster?.GuestsOf(guest.Host).FirstOrDefault(reply => reply.Name == guest.Name)?.Disks.FirstOrDefault() is { } disk)
        {
            lastDisks[guest.Name] = disk;
        }
        return lastDisks.GetValueOrDefault(guest.Name);
    }

    static string Mebibytes(long bytes) => $"{bytes >> 20} MiB";
}
