using OvirtSpm.Leases;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>What an offline verb needs of the machine.</summary>
/// <param name="Identity">Who the verb is under a host id; the same on this machine every time, so that a crashed one is followed at once.</param>
/// <param name="Say">A line for the person who waits.</param>
sealed record OfflinePorts(
    TimeProvider BootClock, TimeProvider WallClock, IChoice Choice, Func<int, HostIdentity> Identity, Func<PoolDomain, IVolumeImager> Imager, Action<string> Say);
