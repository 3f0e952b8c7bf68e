using System.Globalization;
using System.Runtime.InteropServices;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Mapped.Tail;

namespace OvirtSpm.Node.Linux;

/// <summary>The kernel's device-mapper, through <c>/dev/mapper/control</c>.</summary>
sealed class DeviceMapper : IDeviceMapper
{
    public const string Control = "/dev/mapper/control";

    public const nuint ListDevices = 2, DevCreate = 3, DevRemove = 4, DevSuspend = 6, TableLoad = 9, TableStatus = 12;

    /// <summary>libdevmapper's sign to udev's rules that an event is a real activation, in the upper half of the cookie. Without it they would ignore
    /// the device. The lower half stays 0: no semaphore is waited for, the nodes themselves are (see <see cref="DeviceNodes"/>).</summary>
    const uint PrimarySource = 0x40 << 16;

    /// <summary>Nothing of udev's looks into the device: a scan of its end would wait behind it.</summary>
    const uint NoRules = (0x02 | 0x04 | 0x08) << 16;

    readonly DeviceHandle control;
    FileStream? alone;

    DeviceMapper(DeviceHandle control) => this.control = control;

    /// <summary>For the only node of this machine that maps volumes of a domain: a map is the machine's, and two nodes would take each other's away.</summary>
    /// <exception cref="Refusal">There is another one, or no device-mapper.</exception>
    public static DeviceMapper OpenFor(Guid domain)
    {
        var (mapper, path) = (Open(), LockOf(domain));
        for (var tries = 10; ; tries--)
        {
            try
            {
                mapper.alone = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                return mapper;
            }
            catch (IOException) when (tries > 0)
            {
                // The guard of an earlier life tries it for an instant.
                Thread.Sleep(50);
            }
            catch (IOException)
            {
                mapper.control.Dispose();
                throw Refusal.Conflict($"another node on this machine maps volumes of domain {domain} ({path} is locked). Stop it, or start this one with --activation nbd.");
            }
        }
    }

    /// <summary>Locked by the node that maps the domain's volumes.</summary>
    public static string LockOf(Guid domain) => $"/run/spm-dm-{domain}.lock";

    /// <exception cref="Refusal">This kernel or this container has none.</exception>
    static DeviceMapper Open()
    {
        var descriptor = Libc.open(Control, Libc.O_RDWR | Libc.O_CLOEXEC, 0);
        if (descriptor < 0)
        {
            throw Refusal.Unavailable($"{Control} cannot be opened: {Errno.Text(Marshal.GetLastPInvokeError())}. Load the kernel's module dm_mod and run as root, or start the node with --activation nbd.");
        }
        return new DeviceMapper(new DeviceHandle(descriptor));
    }

    /// <returns>Null where there is none.</returns>
    public static DeviceMapper? TryOpen()
    {
        try
        {
            return Open();
        }
        catch (Refusal)
        {
            return null;
        }
    }

    public MapState? Find(string uuid) => Find("", uuid);

    public IReadOnlyList<string> List()
    {
        var answer = Ask(ListDevices, "", "", 0, "maps cannot be listed") ?? throw new IOException("maps cannot be listed.");
        return [.. DeviceMapperMessage.Names(answer).Select(map => map.Uuid ?? Find(map.Name, "")?.Uuid ?? "").Where(uuid => uuid.Length > 0)];
    }

    /// <summary>Of a map of one target: its table and its state, as the target prints them.</summary>
    /// <remarks>NoFlush: a target that would write before it answers is not to wait for its paths.</remarks>
    /// <returns>Null when there is no such map.</returns>
    public (string Name, string Table, string Status)? StatusOf(string uuid)
    {
        var problem = $"map {uuid} cannot be looked at";
        return Ask(TableStatus, "", uuid, DeviceMapperMessage.StatusTable, problem) is { } table && DeviceMapperMessage.Targets(table) is [var made]
            && Ask(TableStatus, "", uuid, DeviceMapperMessage.NoFlush, problem) is { } status && DeviceMapperMessage.Targets(status) is [var now]
            ? (DeviceMapperMessage.State(table, []).Name, made.Parameters, now.Parameters)
            : null;
    }

    public void Create(string name, string uuid) =>
        Require(Call(DevCreate, DeviceMapperMessage.Build(name, uuid, 0, 0, [], 0)).Errno, $"map {name} cannot be made");

    public void Load(string uuid, IReadOnlyList<MapTarget> table, bool readOnly) =>
        Require(Call(TableLoad, DeviceMapperMessage.Build("", uuid, readOnly ? DeviceMapperMessage.ReadOnly : 0, 0, table, 0)).Errno, $"the table of map {uuid} cannot be loaded");

    public void Resume(string uuid) =>
        // No file system of this host lies on a guest's disk: none is to be frozen for the moment of the change.
        Require(Call(DevSuspend, DeviceMapperMessage.Build("", uuid, DeviceMapperMessage.SkipLockFs, Cookie(uuid), [], 0)).Errno, $"map {uuid} cannot be resumed");

    public void Suspend(string uuid) =>
        Require(Call(DevSuspend, DeviceMapperMessage.Build("", uuid, DeviceMapperMessage.Suspended | DeviceMapperMessage.SkipLockFs | DeviceMapperMessage.NoFlush, 0, [], 0)).Errno, $"map {uuid} cannot be suspended");

    public InFlight InFlight(string number) =>
        File.ReadAllText($"/sys/dev/block/{number}/inflight").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is [var reads, var writes]
            ? new InFlight(long.Parse(reads, CultureInfo.InvariantCulture), long.Parse(writes, CultureInfo.InvariantCulture))
            : throw new IOException($"what device {number} has in flight cannot be read.");

    public bool Remove(string uuid)
    {
        var errno = Call(DevRemove, DeviceMapperMessage.Build("", uuid, 0, Cookie(uuid), [], 0)).Errno;
        if (errno is Errno.EBUSY)
        {
            return false;
        }
        if (errno != Errno.ENXIO)
        {
            Require(errno, $"map {uuid} cannot be removed");
        }
        return true;
    }

    public void RemoveWhenClosed(string uuid) =>
        Require(Call(DevRemove, DeviceMapperMessage.Build("", uuid, DeviceMapperMessage.DeferredRemove, Cookie(uuid), [], 0)).Errno, $"map {uuid} cannot be removed");

    public string MakeNodes(MapState map, string group, string volume) => DeviceNodes.Make(map, group, volume);

    public string MakeNode(MapState map) => DeviceNodes.Make(map);

    public void RemoveNode(string name) => DeviceNodes.Remove(name);

    public void RemoveNodes(string name, string group, string volume) => DeviceNodes.Remove(name, group, volume);

    static uint Cookie(string uuid) => TailLayers.IsOne(uuid) ? PrimarySource | NoRules : PrimarySource;

    MapState? Find(string name, string uuid)
    {
        if (Ask(TableStatus, name, uuid, DeviceMapperMessage.StatusTable, $"map {name}{uuid} cannot be looked at") is not { } answer)
        {
            return null;
        }
        var hasLive = (DeviceMapperMessage.Flags(answer) & DeviceMapperMessage.ActivePresent) != 0;
        return DeviceMapperMessage.State(answer, hasLive ? DeviceMapperMessage.Targets(answer) : []);
    }

    /// <summary>With as much room as the answer needs: what does not fit the kernel leaves out, and says so.</summary>
    /// <returns>Null when there is no such map.</returns>
    byte[]? Ask(nuint command, string name, string uuid, uint flags, string problem)
    {
        for (var room = 4 << 10; ; room *= 4)
        {
            var (answer, errno) = Call(command, DeviceMapperMessage.Build(name, uuid, flags, 0, [], room));
            if (errno == Errno.ENXIO)
            {
                return null;
            }
            Require(errno, problem);
            if ((DeviceMapperMessage.Flags(answer) & DeviceMapperMessage.BufferFull) == 0)
            {
                return answer;
            }
        }
    }

    /// <summary>The answer overwrites the message.</summary>
    unsafe (byte[] Answer, int Errno) Call(nuint command, byte[] message)
    {
        var held = false;
        control.DangerousAddRef(ref held);
        try
        {
            fixed (byte* start = message)
            {
                while (Libc.ioctl(control.Descriptor, Libc.DM_IOCTL + command, start) != 0)
                {
                    if (Marshal.GetLastPInvokeError() is var errno and not Errno.EINTR)
                    {
                        return (message, errno);
                    }
                }
            }
            return (message, 0);
        }
        finally
        {
            control.DangerousRelease();
        }
    }

    static void Require(int errno, string what)
    {
        if (errno != 0)
        {
            throw new IOException($"{what}: {Errno.Text(errno)}. See 'dmsetup info' and the kernel log.");
        }
    }
}
