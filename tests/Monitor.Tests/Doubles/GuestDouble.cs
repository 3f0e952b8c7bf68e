using System.Text.Json;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>A guest with disks behind a QMP double: one-shot thresholds, ENOSPC pauses, cont. Behaves as QEMU 7.2 was seen to.</summary>
internal sealed class GuestDouble
{
    private readonly List<Disk> disks = [];

    public GuestDouble() => Server.Answer = Answer;

    public QmpServerDouble Server { get; } = new();

    public string Status { get; set; } = "running";

    /// <summary>Commands that change something, in order: "threshold disk0-nbd 160", "cont".</summary>
    public List<string> Acts { get; } = [];

    /// <summary>Commands QEMU leaves unanswered for now.</summary>
    public HashSet<string> Silent { get; } = [];

    /// <summary>Told of each command before it is answered.</summary>
    public Action<string> OnCommand { get; set; } = _ => { };

    public Disk Add(string name, string socketPath, long allocated)
    {
        var disk = new Disk(name, socketPath) { AllocatedBytes = allocated };
        disks.Add(disk);
        return disk;
    }

    public void Remove(Disk disk) => disks.Remove(disk);

    /// <summary>The guest writes up to an offset; QEMU reports, fails and stops as it does.</summary>
    public void Write(Disk disk, long end)
    {
        if (disk.ThresholdBytes > 0 && end > disk.ThresholdBytes)
        {
            var threshold = disk.ThresholdBytes;
            disk.ThresholdBytes = 0;
            Server.Event("BLOCK_WRITE_THRESHOLD",
                $$"""{"node-name": "{{disk.Node}}", "write-threshold": {{threshold}}, "amount-exceeded": {{end - threshold}}}""");
        }
        disk.WaitingEnd = end;
        Settle(disk);
    }

    /// <summary>A new process: thresholds and counters are gone, the volumes are not.</summary>
    public void Restart()
    {
        Server.Hangup();
        foreach (var disk in disks)
            (disk.ThresholdBytes, disk.HighestBytes, disk.IoStatus) = (0, 0, "ok");
        Status = "running";
    }

    public void IoError(Disk disk, bool nospace, string action = "stop")
    {
        disk.IoStatus = nospace ? "nospace" : "failed";
        Server.Event("BLOCK_IO_ERROR",
            $$"""{"device": "", "nospace": {{(nospace ? "true" : "false")}}, "node-name": "{{disk.Name}}", "reason": "x", "operation": "write", "action": "{{action}}"}""");
        if (action != "stop")
            return;
        Status = "io-error";
        Server.Event("STOP", "{}");
    }

    private void Settle(Disk disk)
    {
        if (disk.WaitingEnd > disk.AllocatedBytes)
        {
            if (disk.IoStatus == "ok")
                IoError(disk, nospace: true);
            return;
        }
        disk.HighestBytes = Math.Max(disk.HighestBytes, disk.WaitingEnd);
    }

    private string? Answer(string command, JsonElement arguments)
    {
        OnCommand(command);
        if (Silent.Contains(command))
            return null;
        switch (command)
        {
            case "query-named-block-nodes":
                return "[" + string.Join(',', disks.Select(disk => disk.Describe())) + "]";
            case "query-blockstats":
                return "[" + string.Join(',', disks.Select(disk => disk.Statistics())) + "]";
            case "query-block":
                return "[" + string.Join(',', disks.Select(disk => disk.Device())) + "]";
            case "query-status":
                return $$"""{"status": "{{Status}}", "singlestep": false, "running": {{(Status == "running" ? "true" : "false")}}}""";
            case "block-set-write-threshold":
                var node = arguments.GetProperty("node-name").GetString()!;
                var offset = arguments.GetProperty("write-threshold").GetInt64();
                if (disks.Find(disk => disk.Node == node) is not { RefusesThresholds: false } found)
                    throw new QmpCommandException(command, "GenericError", $"Device '{node}' not found");
                found.ThresholdBytes = offset;
                Acts.Add($"threshold {node} {offset}");
                return "{}";
            case "cont":
                Acts.Add("cont");
                Status = "running";
                disks.ForEach(disk => disk.IoStatus = "ok");
                Server.Event("RESUME", "{}");
                disks.ForEach(Settle);
                return "{}";
            case "quit":
                Acts.Add("quit");
                Server.Listening = false;
                Server.Hangup();
                return "{}";
            default:
                throw new QmpCommandException(command, "CommandNotFound", $"The command {command} has not been found");
        }
    }

    internal sealed class Disk(string name, string socketPath)
    {
        public string Name => name;

        public string Node => $"{name}-nbd";

        public long AllocatedBytes { get; set; }

        public long ThresholdBytes { get; set; }

        public long HighestBytes { get; set; }

        public long WaitingEnd { get; set; }

        public string IoStatus { get; set; } = "ok";

        public bool RefusesThresholds { get; set; }

        private string File => $"nbd+unix:///v?socket={socketPath}";

        public string Describe() =>
            $$"""{"node-name": "{{name}}", "drv": "qcow2", "ro": false, "write_threshold": 0, "file": "{{File}}"},"""
            + $$"""{"node-name": "{{Node}}", "drv": "nbd", "ro": false, "write_threshold": {{ThresholdBytes}}, "file": "{{File}}"}""";

        public string Statistics() =>
            $$"""{"node-name": "{{Node}}", "stats": {"wr_highest_offset": {{HighestBytes}}} },"""
            + $$"""{"node-name": "{{name}}", "stats": {"wr_highest_offset": {{HighestBytes}}}, "parent": {"node-name": "{{Node}}", "stats": {} } }""";

        public string Device() =>
            $$"""{"device": "", "qdev": "/machine/{{name}}", "io-status": "{{IoStatus}}", "inserted": {"node-name": "{{name}}"} }""";
    }
}
