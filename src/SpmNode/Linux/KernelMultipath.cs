using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Linux;

/// <summary>Multipath devices, from sysfs and device-mapper; what is configured, from multipathd.</summary>
sealed class KernelMultipath(MultipathDaemon daemon) : IMultipath
{
    readonly Lazy<DeviceMapper?> mapper = new(DeviceMapper.TryOpen);

    public MultipathMap? Find(string path)
    {
        try
        {
            if (DeviceOpening.IdentityOf(path).Split(' ') is not ["device", var number])
            {
                return null;
            }
            return Sysfs.MultipathWwid($"/sys/dev/block/{number}") is { } wwid && mapper.Value?.StatusOf(Sysfs.Multipath + wwid) is { } told
                ? MultipathMap.Parse(told.Name, wwid, told.Table, told.Status, NameOf)
                : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null; // no device-mapper device, or gone by now
        }
    }

    public Task<QueueLimit> QueueLimitAsync(MultipathMap map, CancellationToken stop) => daemon.QueueLimitAsync(map.Name, stop);

    static string NameOf(string number)
    {
        try
        {
            return Path.GetFileName(Directory.ResolveLinkTarget($"/sys/dev/block/{number}", returnFinalTarget: true)?.FullName ?? number);
        }
        catch (IOException)
        {
            return number;
        }
    }
}
