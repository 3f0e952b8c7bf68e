namespace OvirtSpm.Node.HostLvm;

/// <summary>What the host's lvm2 is told, as it stands in <c>/etc/lvm</c>; null for a file that is not there.</summary>
/// <param name="Local"><c>lvmlocal.conf</c>, which lvm2 reads last and which wins.</param>
/// <param name="DevicesFile"><c>devices/system.devices</c></param>
sealed record HostFiles(byte[]? Conf, byte[]? Local, byte[]? DevicesFile);

/// <param name="Path">As it was given.</param>
/// <param name="Names">Every name that lvm2 may know it by.</param>
/// <param name="Stable">Those that mean the same device after the next start.</param>
/// <param name="PvUuid">32 characters; null where no label of lvm2 is.</param>
sealed record HostLun(string Path, IReadOnlyList<string> Names, IReadOnlyList<string> Stable, string? PvUuid);

/// <summary>What is to be done so that the host's lvm2 leaves the LUNs closed.</summary>
abstract record HostPlan
{
    HostPlan()
    {
    }

    public sealed record Nothing(string Why) : HostPlan;

    /// <param name="Local">The file afterwards; null: it goes away.</param>
    /// <param name="Removed">Lines that go.</param>
    /// <param name="Added">Lines that come.</param>
    public sealed record Change(byte[]? Local, IReadOnlyList<string> Removed, IReadOnlyList<string> Added, IReadOnlyList<string> Notes) : HostPlan;
}
