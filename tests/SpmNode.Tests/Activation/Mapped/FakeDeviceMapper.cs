using OvirtSpm.Node.Activation.Mapped;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

/// <summary>A kernel's maps. They outlive the nodes that make them.</summary>
internal sealed class FakeDeviceMapper : IDeviceMapper
{
    readonly Dictionary<string, (MapState State, IReadOnlyList<MapTarget>? Waiting, bool WaitingReadOnly)> maps = [];

    public List<string> Calls { get; } = [];

    /// <summary>Called before each change; what it throws keeps the change from happening.</summary>
    public Action<string>? Before { get; set; }

    public MapState? Find(string uuid) => maps.TryGetValue(uuid, out var map) ? map.State with { HasInactive = map.Waiting is not null } : null;

    public MapState Only => Find(Assert.Single(maps).Key)!;

    public int Count => maps.Count;

    public IReadOnlyList<string> List() => [.. maps.Keys];

    public void Set(MapState state) => maps[state.Uuid] = (state, null, false);

    public void Open(int count = 1) => Set(Only with { OpenCount = count });

    public void Create(string name, string uuid)
    {
        Change("create");
        maps.Add(uuid, (new MapState(name, uuid, $"253:{maps.Count}", 0, false, false, false, false, []), null, false));
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
        maps[uuid] = (waiting is null ? state with { IsSuspended = false } : state with { Live = waiting, HasLive = true, ReadOnly = readOnly, IsSuspended = false }, null, false);
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

    public string MakeNodes(MapState map, string group, string volume) => $"/dev/{group}/{volume}";

    public void RemoveNodes(string name, string group, string volume) => Calls.Add("nodes gone");

    void Change(string what)
    {
        Before?.Invoke(what);
        Calls.Add(what);
    }
}
