using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

/// <summary>Makes a new lockspace: one sector per host id, all free.</summary>
public static class LockspaceFormat
{
    /// <param name="area">At least one area of the geometry, from its first byte. Everything in it is overwritten.</param>
    /// <param name="ioTimeoutSecondsOfHostId">1 to 255 for each host id: what the first to join under it waits is 2 × this.</param>
    /// <remarks>Byte-identical to sanlock 3.8.5 "direct init -s" when all io timeouts are equal.</remarks>
    /// <exception cref="ArgumentException">Name, io timeout or size of the area do not fit.</exception>
    /// <exception cref="IOException">The storage failed; the area is no lockspace then.</exception>
    public static async ValueTask InitialiseAsync(
        ILeaseArea area, LeaseGeometry geometry, string lockspace, Func<int, int> ioTimeoutSecondsOfHostId)
    {
        AreaFit.Check(area, 0, geometry);
        var name = LeaseName.Of(lockspace);
        var image = new byte[geometry.AlignBytes];
        for (var hostId = 1; hostId <= geometry.MaxHosts; hostId++)
        {
            var ioTimeout = ioTimeoutSecondsOfHostId(hostId);
            if (ioTimeout is < 1 or > 255)
            {
                throw new ArgumentException($"host id {hostId}: an io timeout of {ioTimeout} s cannot be stored; use 1 to 255",
                    nameof(ioTimeoutSecondsOfHostId));
            }

            Fresh(geometry, name, ioTimeout).Format(Sector(image, geometry, hostId));
        }

        // The whole area goes out without the first magic, and the magic last: a crash in between leaves nothing
        // that a host could take for a lockspace, half of it made of old sectors.
        var first = image[..geometry.SectorSize];
        image.AsSpan(0, sizeof(uint)).Clear();
        await area.WriteAsync(0, image);
        await area.WriteAsync(0, first);
    }

    internal static LeaderRecord Fresh(LeaseGeometry geometry, LeaseName lockspace, int ioTimeoutSeconds) => new()
    {
        Kind = LeaderKind.HostId,
        Version = LeaderRecord.HostIdVersion,
        Flags = geometry.AlignFlag,
        SectorSize = (uint)geometry.SectorSize,
        MaxHosts = 1,
        Lockspace = lockspace,
        IoTimeoutField = (ushort)ioTimeoutSeconds,
    };

    private static Span<byte> Sector(byte[] image, LeaseGeometry geometry, int hostId) =>
        image.AsSpan((int)geometry.HostIdOffset(hostId), geometry.SectorSize);
}
