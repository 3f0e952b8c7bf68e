using System.Text.Json;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Lab.Hosts;

/// <summary>One host's path to a LUN, inside its QEMU, where it can be cut without the host's help.</summary>
/// <remarks><code>
/// scsi-hd → NAME (raw) → NAME-slow (throttle, group NAME-group) → NAME-file (the shared file)
///                     └→ when cut: NAME-dead (blkdebug: every read and write fails)
/// </code>
/// QEMU flushes what it takes out of the way, so a node whose flushes fail could never be taken out again.</remarks>
internal static class LabPath
{
    public static IEnumerable<string> Arguments(LabLun lun) =>
    [
        "-object", $"throttle-group,id={lun.Name}-group",
        "-blockdev", $"driver=file,filename={lun.File},node-name={lun.Name}-file,locking=off,cache.direct=on,aio=threads,discard=unmap",
        "-blockdev", $"driver=throttle,throttle-group={lun.Name}-group,file={lun.Name}-file,node-name={lun.Name}-slow",
        "-blockdev", $"driver=raw,file={lun.Name}-slow,node-name={lun.Name}",
        "-blockdev", $$"""
            {"driver":"blkdebug","node-name":"{{lun.Name}}-dead","image":{"driver":"null-co","size":{{new FileInfo(lun.File).Length}}},
             "inject-error":[{"event":"none","iotype":"read","errno":5},{"event":"none","iotype":"write","errno":5}]}
            """,
        "-device", $"scsi-hd,drive={lun.Name},id={lun.Name}-disk,serial={lun.Name},share-rw=on,logical_block_size={lun.SectorSize},physical_block_size={lun.SectorSize},rerror=report,werror=report",
    ];

    public static async Task SetAsync(QmpSession monitor, LabLun lun, LabPathState state)
    {
        var stop = TestContext.Current.CancellationToken;
        await monitor.ExecuteAsync("qom-set", json =>
        {
            json.WriteString("path", $"/objects/{lun.Name}-group");
            json.WriteString("property", "limits");
            json.WriteStartObject("value");
            // One byte a second: nothing comes through after the first. Zero: no limit; what waits goes on when the node above is opened again.
            json.WriteNumber("bps-total", state == LabPathState.Hanging ? 1 : 0);
            json.WriteNumber("bps-write", state == LabPathState.HoldingWrites ? 1 : 0);
            json.WriteNumber("iops-total", state == LabPathState.Slow ? 10 : 0);
            json.WriteEndObject();
        }, stop);
        await monitor.ExecuteAsync("blockdev-reopen", json =>
        {
            json.WriteStartArray("options");
            json.WriteStartObject();
            json.WriteString("driver", "raw");
            json.WriteString("node-name", lun.Name);
            json.WriteString("file", lun.Name + (state == LabPathState.Failing ? "-dead" : "-slow"));
            json.WriteEndObject();
            json.WriteEndArray();
        }, stop);
    }
}
