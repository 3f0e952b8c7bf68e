using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.Node.Storage;

/// <summary>Finds a domain's other devices among the paths this host was given.</summary>
interface IDeviceFinder
{
    /// <param name="hint">Where the host that added it saw it; another place to look.</param>
    /// <returns>The device whose label carries this uuid, opened; or null, and why when there is more to say than that it was not found.</returns>
    /// <exception cref="IOException">A device failed.</exception>
    Task<(ILun? Device, string Problem)> FindAsync(LvmUuid pv, string hint);

    /// <exception cref="Refusal">It cannot be used, or was not given.</exception>
    ILun Open(string path);
}
