using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>Devices in memory by their paths; what is not in the list is not seen.</summary>
sealed class ScriptedFinder(params MemoryLun[] devices) : IDeviceFinder
{
    public List<MemoryLun> Devices { get; } = [.. devices];

    public int Looks { get; private set; }

    public async Task<(ILun? Device, string Problem)> FindAsync(LvmUuid pv, string hint)
    {
        Looks++;
        foreach (var device in Devices)
        {
            if ((await NewPhysicalVolume.ReadLabelAsync(device.Metadata))?.PvUuid == pv)
            {
                return (device.OpenAgain(), "");
            }
        }
        return (null, "unplugged");
    }

    public ILun Open(string path) => Devices.FirstOrDefault(device => device.Path == path)?.OpenAgain() ?? throw Refusal.Conflict($"{path} was not given");
}
