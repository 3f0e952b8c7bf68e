using OvirtSpm.Leases;

namespace OvirtSpm.Node;

/// <summary>Identities from the one source of randomness, so that a simulation can replay them.</summary>
static class RandomIdentity
{
    /// <summary>A random uuid (RFC 9562, version 4).</summary>
    public static Guid Guid(IChoice choice)
    {
        var bytes = Bytes(choice, 16);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    public static byte[] Bytes(IChoice choice, int count)
    {
        var bytes = new byte[count];
        for (var i = 0; i < count; i++)
        {
            bytes[i] = (byte)choice.Pick(256, "identity");
        }
        return bytes;
    }
}
