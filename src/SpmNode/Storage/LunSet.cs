using System.Collections.Concurrent;
using System.Collections.Immutable;
using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Storage;

/// <summary>A domain's first LUN, and beside it the other devices as far as this host sees them.</summary>
/// <remarks>
/// Only contents of volumes lie on the others, but everything that waits for writes waits for theirs, too (R8), and R7's lock is held on each of
/// them: a device whose older writes have not returned is not one that this host sees.
/// </remarks>
sealed class LunSet(ILun first, IDeviceFinder finder, TimeProvider clock) : ILun, IOtherDevices
{
    /// <summary>Looking opens every device this host was given.</summary>
    static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    /// <summary>A device that does not answer while it is looked for must not keep the domain from being read.</summary>
    static readonly TimeSpan LookLimit = TimeSpan.FromSeconds(2);

    readonly Lock guard = new();
    readonly HashSet<(long Offset, long Length)> locks = [];
    readonly ConcurrentDictionary<LvmUuid, (string Problem, long At)> missing = [];
    volatile ImmutableDictionary<LvmUuid, ILun> others = ImmutableDictionary<LvmUuid, ILun>.Empty;
    Task looking = Task.CompletedTask;
    long lookingSince;
    bool closed;

    public string Path => first.Path;

    public IReadOnlyList<string> DevicePaths => [first.Path, .. others.Values.Select(device => device.Path)];

    public int SectorSize => first.SectorSize;

    public long SizeBytes => first.SizeBytes;

    public IPvArea Metadata => first.Metadata;

    public IDataDevice Data => first.Data;

    public IOtherDevices Others => this;

    public IReadOnlyCollection<LvmUuid> Seen => [.. others.Keys];

    IDataDevice? IOtherDevices.Data(LvmUuid pv) => others.GetValueOrDefault(pv)?.Data;

    IPvArea? IOtherDevices.Metadata(LvmUuid pv) => others.GetValueOrDefault(pv)?.Metadata;

    public string Problem(LvmUuid pv) => missing.TryGetValue(pv, out var look) ? look.Problem : "";

    public ILeaseArea Window(long offsetBytes, long lengthBytes) => first.Window(offsetBytes, lengthBytes);

    public bool TryLock(long offsetBytes, long lengthBytes)
    {
        lock (guard)
        {
            var taken = new List<ILun>();
            foreach (var lun in others.Values.Prepend(first))
            {
                if (!lun.TryLock(offsetBytes, lengthBytes))
                {
                    taken.ForEach(one => one.Unlock(offsetBytes, lengthBytes));
                    return false;
                }
                taken.Add(lun);
            }
            locks.Add((offsetBytes, lengthBytes));
            return true;
        }
    }

    public void Unlock(long offsetBytes, long lengthBytes)
    {
        lock (guard)
        {
            locks.Remove((offsetBytes, lengthBytes));
            foreach (var lun in others.Values.Prepend(first))
            {
                lun.Unlock(offsetBytes, lengthBytes);
            }
        }
    }

    public Task WhenControlWritesReturnedAsync() => Task.WhenAll(others.Values.Prepend(first).Select(lun => lun.WhenControlWritesReturnedAsync()));

    public Task WhenAllWritesReturnedAsync() => Task.WhenAll(others.Values.Prepend(first).Select(lun => lun.WhenAllWritesReturnedAsync()));

    public async ValueTask LookAsync(VolumeGroup group)
    {
        if (!Wanted(group).Any())
        {
            return;
        }
        Task current;
        TimeSpan left;
        lock (guard)
        {
            if (looking.IsCompleted)
            {
                lookingSince = clock.GetTimestamp();
                looking = LookForAllAsync([.. Wanted(group)], group.ExtentSizeBytes);
            }
            (current, left) = (looking, LookLimit - clock.GetElapsedTime(lookingSince));
        }
        if (left > TimeSpan.Zero)
        {
            await Task.WhenAny(current, Task.Delay(left, clock));
        }
    }

    public ILun Open(string path) => others.Values.FirstOrDefault(lun => lun.Path == path) ?? finder.Open(path);

    public void Join(LvmUuid pv, ILun device)
    {
        lock (guard)
        {
            if (closed)
            {
                throw Refusal.Unavailable($"{device.Path} is not used: this program is ending.");
            }
            if (others.ContainsKey(pv))
            {
                return;
            }
            var taken = new List<(long Offset, long Length)>();
            foreach (var (offset, length) in locks)
            {
                if (!device.TryLock(offset, length))
                {
                    taken.ForEach(one => device.Unlock(one.Offset, one.Length));
                    throw Refusal.Unavailable($"{device.Path}: writes of a former life of this host have not returned, or another process uses this host id there");
                }
                taken.Add((offset, length));
            }
            others = others.SetItem(pv, device);
            missing.TryRemove(pv, out _);
        }
    }

    public void Release(ILun device)
    {
        if (!others.Values.Contains(device))
        {
            device.Dispose();
        }
    }

    public void Dispose()
    {
        lock (guard)
        {
            closed = true;
            first.Dispose();
            foreach (var lun in others.Values)
            {
                lun.Dispose();
            }
        }
    }

    IEnumerable<PhysicalVolume> Wanted(VolumeGroup group) => group.PhysicalVolumes.Skip(1).Where(pv =>
        !others.ContainsKey(pv.Uuid) && (!missing.TryGetValue(pv.Uuid, out var look) || clock.GetElapsedTime(look.At) >= LookInterval));

    async Task LookForAllAsync(PhysicalVolume[] wanted, long extentBytes)
    {
        // Whoever asked holds the lock.
        await Task.Yield();
        foreach (var pv in wanted)
        {
            var problem = await LookForAsync(pv, extentBytes);
            if (problem is not null)
            {
                missing[pv.Uuid] = (problem, clock.GetTimestamp());
            }
        }
    }

    /// <returns>Why it is not one of ours now; null when it is.</returns>
    async Task<string?> LookForAsync(PhysicalVolume pv, long extentBytes)
    {
        ILun? device = null;
        try
        {
            (device, var problem) = await finder.FindAsync(pv.Uuid, pv.DeviceHint);
            if (device is null)
            {
                return problem;
            }
            var end = pv.ExtentStartBytes + pv.ExtentCount * extentBytes;
            if (device.SectorSize != SectorSize || device.SizeBytes < end)
            {
                problem = device.SectorSize != SectorSize
                    ? $"{device.Path} has sectors of {device.SectorSize} bytes, the domain has {SectorSize}"
                    : $"{device.Path} has {device.SizeBytes} bytes, its extents end at {end}";
                device.Dispose();
                return problem;
            }
            Join(pv.Uuid, device);
            Release(device);
            return null;
        }
        catch (Exception failed) when (failed is IOException or Refusal)
        {
            device?.Dispose();
            return failed.Message;
        }
    }
}
