using System.Collections.Concurrent;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Linux;

/// <summary>Looks for devices of a domain by the uuid in their label, never by their name.</summary>
/// <param name="given">Paths, directories, and patterns with * and ? in the last part.</param>
/// <param name="first">The domain's first LUN, which is none of them.</param>
sealed class DeviceFinder(IReadOnlyList<string> given, string first, bool readOnly, int? sectorSize) : IDeviceFinder
{
    /// <summary>Other devices of the domain, by the path they were opened under.</summary>
    readonly ConcurrentDictionary<string, bool> used = [];

    public async Task<(ILun? Device, string Problem)> FindAsync(LvmUuid pv, string hint)
    {
        var candidates = Paths().ToList();
        if (Path.IsPathFullyQualified(hint))
        {
            candidates.Add(hint);
        }
        ILun? found = null;
        var identity = "";
        var problem = candidates.Count == 0 ? "give its path with --device" : "no device this host was given carries its label";
        foreach (var path in candidates.Distinct().Where(path => Path.GetFullPath(path) != Path.GetFullPath(first)))
        {
            if (await OpenIfAsync(path, pv) is not { } device)
            {
                continue;
            }
            var its = DeviceOpening.IdentityOf(path);
            if (found is null)
            {
                (found, identity) = (device, its);
                continue;
            }
            device.Dispose();
            if (its != identity)
            {
                // A path below a multipath device, or a copy of the LUN: writing to the wrong one of two loses data.
                problem = $"{found.Path} and {path} both carry its label and are different devices: give exactly one of them with --device";
                found.Dispose();
                return (null, problem);
            }
        }
        if (found is not null)
        {
            used[Path.GetFullPath(found.Path)] = true;
        }
        return (found, problem);
    }

    public ILun Open(string path)
    {
        var wanted = Path.GetFullPath(path);
        if (!Paths().Any(one => Path.GetFullPath(one) == wanted))
        {
            throw Refusal.Conflict($"{path} is not one of the devices this host was given. Start its node with --device {path}.");
        }
        foreach (var other in used.Keys.Append(first))
        {
            if (new DeviceStack().Overlap(wanted, other) is { } cycle)
            {
                throw Refusal.Conflict($"{path} is not used: {cycle}. Volumes would lie over each other; nothing was written. Give a device of its own.");
            }
        }
        var opened = Lun.Open(wanted, readOnly, sectorSize);
        used[wanted] = true;
        return opened;
    }

    IEnumerable<string> Paths() => given.SelectMany(Expand);

    static IEnumerable<string> Expand(string path)
    {
        var isPattern = Path.GetFileName(path).IndexOfAny(['*', '?']) >= 0;
        var folder = Directory.Exists(path) ? path : isPattern ? Path.GetDirectoryName(Path.GetFullPath(path))! : null;
        return folder is null ? [path]
            : Directory.Exists(folder) ? Directory.EnumerateFiles(folder, isPattern ? Path.GetFileName(path) : "*").Order(StringComparer.Ordinal)
            : [];
    }

    async Task<ILun?> OpenIfAsync(string path, LvmUuid pv)
    {
        try
        {
            using (var probe = DirectBlockDevice.Open(path, readOnly: true, sectorSize))
            {
                if ((await NewPhysicalVolume.ReadLabelAsync(new PvArea(probe.OpenLane("probe", threads: 1))))?.PvUuid != pv)
                {
                    return null;
                }
            }
            return Lun.Open(path, readOnly, sectorSize);
        }
        catch (Exception unusable) when (unusable is DeviceRefusedException or Refusal or IOException)
        {
            return null; // whatever it is, this host cannot use it
        }
    }
}
