using System.Buffers;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

/// <summary>Makes a new resource: leader, request record and empty votes; free, version 0.</summary>
public static class ResourceFormat
{
    /// <param name="offsetBytes">Multiple of the geometry's area size. One area from there is overwritten.</param>
    /// <param name="numHosts">Host ids that may take it, which bounds what a ballot reads; null for all of the geometry.</param>
    /// <remarks>Byte-identical to sanlock 3.8.5 "direct init -r".</remarks>
    /// <exception cref="ArgumentException">A name, the number of hosts or the place do not fit.</exception>
    /// <exception cref="IOException">The storage failed; initialise again.</exception>
    public static async ValueTask InitialiseAsync(
        ILeaseArea area, long offsetBytes, LeaseGeometry geometry, string lockspace, string resource, int? numHosts = null)
    {
        AreaFit.Check(area, offsetBytes, geometry);
        if (numHosts is < 1 || numHosts > geometry.MaxHosts)
        {
            throw new ArgumentException($"{numHosts} hosts do not fit this geometry; use 1 to {geometry.MaxHosts}", nameof(numHosts));
        }

        // A mebibyte for every volume that is created: lent.
        var buffer = ArrayPool<byte>.Shared.Rent(geometry.AlignBytes);
        var image = buffer.AsMemory(0, geometry.AlignBytes);
        image.Span.Clear();
        var leader = Free(geometry, lockspace, resource, numHosts ?? geometry.MaxHosts, 0);
        leader.Format(image.Span[..geometry.SectorSize]);
        new RequestRecord(RequestRecord.CurrentVersion, 0, 0).Format(image.Span.Slice((int)geometry.RequestOffset, geometry.SectorSize));
        await area.WriteAsync(offsetBytes, image);
        // Not after a failure: nobody knows then whether the device is done with the memory.
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>The first sector of a resource that nobody holds, for all hosts of the geometry; for repairing one that is damaged.</summary>
    /// <param name="version">The highest that was ever given: the next owner gets a higher one.</param>
    public static byte[] FreeLeader(LeaseGeometry geometry, string lockspace, string resource, ulong version)
    {
        var sector = new byte[geometry.SectorSize];
        Free(geometry, lockspace, resource, geometry.MaxHosts, version).Format(sector);
        return sector;
    }

    private static LeaderRecord Free(LeaseGeometry geometry, string lockspace, string resource, int numHosts, ulong version) => new()
    {
        Kind = LeaderKind.Resource,
        Version = LeaderRecord.ResourceVersion,
        Flags = geometry.AlignFlag,
        SectorSize = (uint)geometry.SectorSize,
        NumHosts = (ulong)numHosts,
        MaxHosts = (ulong)geometry.MaxHosts,
        LeaseVersion = version,
        Lockspace = LeaseName.Of(lockspace),
        Resource = LeaseName.Of(resource),
    };
}
