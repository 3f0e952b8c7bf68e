using System.Security.Cryptography;
using OvirtSpm.Leases;

namespace OvirtSpm.Node.Linux;

/// <summary>Randomness of the kernel. Hosts that start at the same instant must not choose the same.</summary>
public sealed class SystemChoice : IChoice
{
    public static SystemChoice Instance { get; } = new();

    public int Pick(int count, string what) => RandomNumberGenerator.GetInt32(count);
}
