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

    /// <returns>False: somebody has it open, and it stays.</returns>
    bool Remove(string uuid);

    /// <summary>Gone as soon as nobody has it open.</summary>
    void RemoveWhenClosed(string uuid);

    /// <summary>The device nodes are there, and are this map's.</summary>
    /// <returns>The path under which guests open it: <c>/dev/GROUP/VOLUME</c>.</returns>
    string MakeNodes(MapState map, string group, string volume);

    /// <summary>Takes the nodes away that <see cref="MakeNodes"/> made.</summary>
    void RemoveNodes(string name, string group, string volume);
}
