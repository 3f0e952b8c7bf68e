namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>Port: the kernel's device-mapper. Maps are addressed by their uuid: a name may be somebody else's by now.</summary>
/// <remarks>All calls block; those that wait for I/O say so.</remarks>
/// <exception cref="IOException">The kernel refused; the message says what and why.</exception>
internal interface IDeviceMapper
{
    /// <returns>Null when there is no such map.</returns>
    MapState? Find(string uuid);

    /// <summary>Uuids of all maps of this machine that have one.</summary>
    IReadOnlyList<string> List();

    /// <summary>A map without a table: a device of no size.</summary>
    void Create(string name, string uuid);

    /// <summary>The table that the next resume makes live; replaces one that waits for that.</summary>
    void Load(string uuid, IReadOnlyList<MapTarget> table, bool readOnly);

    /// <summary>Makes the loaded table live. Before that, I/O under the live one is waited for.</summary>
    void Resume(string uuid);

    /// <summary>What comes from now on waits, until a table is resumed that takes it. Only for a map below which nothing is under way.</summary>
    void Suspend(string uuid);

    /// <summary>Requests that a map has taken and not answered.</summary>
    /// <remarks>What waits in a suspended map is not counted there (6.1 counts a request when it leaves the queue), but in the map above it.</remarks>
    InFlight InFlight(string number);

    /// <returns>False: somebody has it open, and it stays.</returns>
    bool Remove(string uuid);

    /// <summary>Gone as soon as nobody has it open.</summary>
    void RemoveWhenClosed(string uuid);

    /// <summary>The device nodes are there, and are this map's.</summary>
    /// <returns>The path under which guests open it: <c>/dev/GROUP/VOLUME</c>.</returns>
    string MakeNodes(MapState map, string group, string volume);

    /// <summary>As <see cref="MakeNodes"/>, for a map that is no volume of LVM's.</summary>
    /// <returns><c>/dev/mapper/NAME</c>.</returns>
    string MakeNode(MapState map);

    /// <summary>Takes away what <see cref="MakeNode"/> made.</summary>
    void RemoveNode(string name);

    /// <summary>Takes the nodes away that <see cref="MakeNodes"/> made.</summary>
    void RemoveNodes(string name, string group, string volume);
}
