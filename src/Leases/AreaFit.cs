using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

/// <summary>Does a lockspace or resource of this geometry fit where the caller wants it?</summary>
internal static class AreaFit
{
    /// <exception cref="ArgumentException">It does not; the message says what to change.</exception>
    public static void Check(ILeaseArea area, long offsetBytes, LeaseGeometry geometry)
    {
        if (geometry.SectorSize == 0)
        {
            throw new ArgumentException("no geometry was given; make one with LeaseGeometry.For", nameof(geometry));
        }

        if (geometry.SectorSize % area.SectorSize != 0)
        {
            // Commits are single sectors: a 512-byte record on a 4096-byte device would be a read-modify-write of its neighbours.
            throw new ArgumentException($"the device writes sectors of {area.SectorSize} bytes, the lease area is made for "
                + $"{geometry.SectorSize}; use the geometry of the device", nameof(geometry));
        }

        if (offsetBytes < 0 || offsetBytes % geometry.AlignBytes != 0)
        {
            throw new ArgumentException($"a lease area of {geometry.AlignBytes} bytes cannot start at byte {offsetBytes}; "
                + "use a multiple of its size", nameof(offsetBytes));
        }

        if (offsetBytes > area.SizeBytes - geometry.AlignBytes)
        {
            throw new ArgumentException($"the lease area needs {geometry.AlignBytes} bytes at byte {offsetBytes}, "
                + $"but the range ends at {area.SizeBytes}; make it larger", nameof(area));
        }
    }
}
