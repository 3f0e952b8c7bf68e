using OvirtSpm.Node.Activation.Mapped;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

/// <summary>A kernel's maps, and the writes that go through them. They outlive the nodes that make them.</summary>
internal sealed class FakeDeviceMapper : IDeviceMapper
{
    readonly Dictionary<string, (MapState State, IReadOnlyList<MapTarget>? Waiting, bool WaitingReadOnly)> maps = [];
    readonly List<FakeWrite> pending = [];
    readonly Lock guard = new();
    int made;

    public List<string> Calls { get; } = [];

    /// <summary>Called before each change; what it throws keeps the change from happening.</summary>
    public Action<string>? Before { get; set; }

    public MapState? Find(string uuid)
    {
        lock (guard)
        {
            return maps.TryGetValue(uuid, out var map)
                ? map.State with { HasInactive = map.Waiting is not null, OpenCount = map.State.OpenCount + maps.Values.Count(other => Uses(other, map.State.Number)) }
                : null;
        }
    }

    public MapState Only => Find(Assert.Single(maps).Key)!;

    public int Count => maps.Count;

    public IReadOnlyList<string> List() => [.. maps.Keys];

    public void Set(MapState state) => maps[state.Uuid] = (state, null, false);

    public void Open(int count = 1) => Set(Only with { OpenCount = count });

    public void Create(string name, string uuid)
    {
        Change("create");
        maps.Add(uuid, (new MapState(name, uuid, $"253:{made++}", 0, false, false, false, false, []), null, false));
    }

    public void Load(string uuid, IReadOnlyList<MapTarget> table, bool readOnly)
    {
        Change("load");
        maps[uuid] = (maps[uuid].State, table, readOnly);
    }

    public void Resume(string uuid)
    {
        Change("resume");
        var (state, waiting, readOnly) = maps[uuid];
        if (waiting is not null && InFlight(state.Number) is { IsNone: false })
        {
            WaitForAll(uuid);
        }
        lock (guard)
        {
            state = maps[uuid].State;
            maps[uuid] = (waiting is null ? state with { IsSuspended = false } : state with { Live = waiting, HasLive = true, ReadOnly = readOnly, IsSuspended = false }, null, false);
            pending.RemoveAll(write => Walk(write));
        }
    }

    /// <summary>Its new table is live when all that went through the old one has returned; what comes meanwhile waits.</summary>
    void WaitForAll(string uuid)
    {
        lock (guard)
        {
            maps[uuid] = maps[uuid] with { State = maps[uuid].State with { IsSuspended = true } };
            Waits.Add(uuid);
        }
        Assert.True(SpinWait.SpinUntil(() => InFlight(maps[uuid].State.Number).IsNone, TimeSpan.FromSeconds(30)), $"{uuid} waits for what is held below it");
    }

    /// <summary>Maps whose resume had to wait for what was under way.</summary>
    public List<string> Waits { get; } = [];

    public void Suspend(string uuid)
    {
        Change("suspend");
        maps[uuid] = maps[uuid] with { State = maps[uuid].State with { IsSuspended = true } };
    }

    /// <summary>As 6.1 counts: not in the map where it waits, but in each one above.</summary>
    public InFlight InFlight(string number)
    {
        lock (guard)
        {
            return new(pending.Count(write => write.IsRead && write.Path.Contains(number)), pending.Count(write => !write.IsRead && write.Path.Contains(number)));
        }
    }

    /// <summary>A request of whoever has the map open.</summary>
    public FakeWrite Write(string uuid, long sector, bool isRead = false)
    {
        lock (guard)
        {
            var write = new FakeWrite(maps[uuid].State.Number, sector, isRead);
            if (!Walk(write))
            {
                pending.Add(write);
            }
            return write;
        }
    }

    /// <returns>False when it waits somewhere.</returns>
    bool Walk(FakeWrite write)
    {
        write.Path.Clear();
        var (number, sector) = (write.Device, write.Sector);
        while (maps.Values.FirstOrDefault(map => map.State.Number == number).State is { } map)
        {
            if (map.IsSuspended)
            {
                return false;
            }
            write.Path.Add(number);
            switch (map.Live.FirstOrDefault(target => sector >= target.StartSector && sector < target.StartSector + target.LengthSectors))
            {
                case null:
                    write.Result = "ENOSPC";
                    return true;
                case { Type: "error" }:
                    write.Result = "EIO";
                    return true;
                case var target:
                    (number, sector) = (target.Parameters.Split(' ')[0], sector - target.StartSector + long.Parse(target.Parameters.Split(' ')[1]));
                    break;
            }
        }
        write.Result = $"{number} {sector}";
        return true;
    }

    public bool Remove(string uuid)
    {
        Change("remove");
        if (Find(uuid) is { OpenCount: > 0 })
        {
            return false;
        }
        maps.Remove(uuid);
        return true;
    }

    public void RemoveWhenClosed(string uuid) => Change("remove later");

    public string MakeNode(MapState map) => $"/dev/mapper/{map.Name}";

    public void RemoveNode(string name)
    {
    }

    public string MakeNodes(MapState map, string group, string volume) => $"/dev/{group}/{volume}";

    public void RemoveNodes(string name, string group, string volume) => Calls.Add("nodes gone");

    static bool Uses((MapState State, IReadOnlyList<MapTarget>? Waiting, bool WaitingReadOnly) map, string number) =>
        map.State.Live.Concat(map.Waiting ?? []).Any(target => target.Parameters.StartsWith(number + " ", StringComparison.Ordinal));

    void Change(string what)
    {
        Before?.Invoke(what);
        Calls.Add(what);
    }
}

/// <param name="Device">Number of the map it was sent to.</param>
internal sealed record FakeWrite(string Device, long Sector, bool IsRead)
{
    /// <summary>Maps that have taken it.</summary>
    public List<string> Path { get; } = [];

    /// <summary>Where it landed, or its error; null while it waits.</summary>
    public string? Result { get; set; }
}
