using System.CommandLine;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain resize-device</c>: LUNs that were made larger.</summary>
static class ResizeDeviceVerb
{
    public static Command Create()
    {
        var lun = new Option<string>("--lun") { Description = "the shared LUN: a block device, or a file standing in for one", Required = true };
        var devices = CommonOptions.Devices("where the domain's other devices are, if not where they were added");
        var (sectorSize, json) = (CommonOptions.SectorSize(), CommonOptions.Json());
        var command = new Command("resize-device", "Take the space in by which LUNs of the domain became larger. Every node has to be stopped, in order.") { lun, devices, sectorSize, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var reply = await NodeComposition.ResizeDevicesAsync(parsed.GetValue(lun)!, parsed.GetValue(sectorSize), parsed.GetValue(devices), stop);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(reply);
                return 0;
            }
            foreach (var device in reply)
            {
                Console.WriteLine(device.Bytes == device.BeforeBytes
                    ? $"{device.Path} has {SizeText.Format(device.Bytes)}, and no room for more"
                    : $"{device.Path} has {SizeText.Format(device.Bytes)}, {SizeText.Format(device.Bytes - device.BeforeBytes)} more than before");
            }
            return 0;
        }));
        return command;
    }
}
