using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Storage;

/// <summary>The physical volumes of a domain behind its first one: extents of volumes, never metadata, leases or records.</summary>
public interface IOtherDevices
{
    /// <summary>Those this host sees.</summary>
    IReadOnlyCollection<LvmUuid> Seen { get; }

    /// <summary>Contents of volumes on one of them; null while this host does not see it.</summary>
    IDataDevice? Data(LvmUuid pv);

    /// <summary>The whole of one of them; null while this host does not see it.</summary>
    IPvArea? Metadata(LvmUuid pv);

    /// <summary>Why it is not seen, for people; empty when nothing more is known.</summary>
    string Problem(LvmUuid pv);

    /// <summary>Opens what the group names and this host has not open yet, as far as it can be found.</summary>
    ValueTask LookAsync(VolumeGroup group);

    /// <summary>One of the devices this host was given, to be made one of the domain's.</summary>
    /// <exception cref="Refusal">It cannot be used, or was not given.</exception>
    ILun Open(string path);

    /// <summary>From here on it is one of the domain's devices, unless that is open already.</summary>
    /// <exception cref="Refusal">R7: writes of a former life of this host have not returned from it.</exception>
    void Join(LvmUuid pv, ILun device);

    /// <summary>Closes what <see cref="Open"/> gave, unless it has become one of the domain's devices.</summary>
    void Release(ILun device);
}

/// <summary>A LUN that is opened alone.</summary>
sealed class NoOtherDevices : IOtherDevices
{
    public static NoOtherDevices Instance { get; } = new();

    public IReadOnlyCollection<LvmUuid> Seen => [];

    public IDataDevice? Data(LvmUuid pv) => null;

    public IPvArea? Metadata(LvmUuid pv) => null;

    public string Problem(LvmUuid pv) => "";

    public ValueTask LookAsync(VolumeGroup group) => default;

    public ILun Open(string path) => throw Refusal.Conflict($"{path} cannot be used: this LUN was opened alone.");

    public void Join(LvmUuid pv, ILun device) => throw new InvalidOperationException("this LUN was opened alone");

    public void Release(ILun device) => device.Dispose();
}
