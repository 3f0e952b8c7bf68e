namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>One hold for each node, where the machine can hold writes back.</summary>
sealed class HoldList : IDisposable
{
    readonly List<WriteHold> holds = [];

    public HoldList(string devicePath, int nodes)
    {
        while (holds.Count < nodes && WriteHold.TryCreate(devicePath) is { } hold)
        {
            holds.Add(hold);
        }
        CanHold = holds.Count == nodes;
    }

    public bool CanHold { get; }

    public WriteHold? Of(int hostId) => CanHold ? holds[hostId - 1] : null;

    public void Dispose() => holds.ForEach(hold => hold.Dispose());
}
