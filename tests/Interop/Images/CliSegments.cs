using OvirtSpm.Interop.Cli;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Images;

/// <summary>Where the pieces of a volume lie on a LUN.</summary>
static class CliSegments
{
    public static async Task<IReadOnlyList<(long Offset, long Length)>> ReadAsync(CliLun lun, string volume)
    {
        using var device = Lun.Open(lun.Path, readOnly: true);
        var group = (await PoolDomain.OpenAsync(device)).Group;
        return [.. VolumeMapping.Map(group, group.Find(volume)!).Select(range => (range.PvOffsetBytes, range.LengthBytes))];
    }
}
