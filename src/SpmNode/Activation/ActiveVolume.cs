namespace OvirtSpm.Node.Activation;

/// <summary>A volume this host serves to a guest.</summary>
/// <param name="Lease">Null unless it is active exclusively.</param>
sealed record ActiveVolume(Guid Volume, int Slot, bool ReadOnly, ILiveVolume Export, IServedVolume Served, VolumeLease? Lease = null)
{
    /// <summary>Its own lease is held while it is active.</summary>
    public bool IsExclusive => Lease is not null;

    /// <summary>The option that opens it in QEMU. A node that is restarted is waited for.</summary>
    public string BlockDevice => Export.OutlivesNode
        ? $"driver=host_device,node-name={NodeName("spm", Volume)},filename={Served.SocketPath},cache.direct=on{(ReadOnly ? ",read-only=on" : "")}"
        : $"driver=nbd,node-name={NodeName("spm", Volume)},server.type=unix,server.path={Served.SocketPath},export={Volume},reconnect-delay=120{(ReadOnly ? ",read-only=on" : "")}";

    /// <summary>QEMU allows 31 characters, a uuid has 32 digits: written with 64 letters it has 22.</summary>
    public static string NodeName(string kind, Guid volume) =>
        $"{kind}-{Convert.ToBase64String(volume.ToByteArray(bigEndian: true)).TrimEnd('=').Replace('+', '-').Replace('/', '_')}";
}
