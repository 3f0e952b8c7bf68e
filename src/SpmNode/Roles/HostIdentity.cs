using System.Security.Cryptography;
using System.Text;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>Who this node is.</summary>
/// <param name="HostId">1 to 250.</param>
/// <param name="Name">For people.</param>
/// <param name="StateDirectory">Where it keeps what must survive its process.</param>
/// <param name="Url">Where its API answers; empty when nowhere.</param>
public sealed record HostIdentity(int HostId, string Name, string StateDirectory, Guid MachineId, Guid BootId, string Url, string Build)
{
    /// <summary>R30: the name under which the host id is held; it tells two holders of one id apart, so it must not repeat.</summary>
    /// <remarks>A cloned machine has another machine id or another state directory; a twin process is caught by R7's lock. At most 48 bytes.</remarks>
    public string LeaseName
    {
        get
        {
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{MachineId}\n{Name}\n{StateDirectory}"));
            var readable = new string([.. Name.Where(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_').Take(31)]);
            return $"{readable}.{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
        }
    }

    public MapOwner MapOwner => new(MachineId, BootId);
}
