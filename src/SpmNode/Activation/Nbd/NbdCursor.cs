using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Takes fields from the data of an option; says no at its end instead of reading past it.</summary>
internal struct NbdCursor(byte[] data)
{
    int position;

    public readonly bool AtEnd => position == data.Length;

    public bool TryU16(out ushort value)
    {
        var taken = BinaryPrimitives.TryReadUInt16BigEndian(data.AsSpan(position), out value);
        position += taken ? 2 : 0;
        return taken;
    }

    public bool TryU32(out uint value)
    {
        var taken = BinaryPrimitives.TryReadUInt32BigEndian(data.AsSpan(position), out value);
        position += taken ? 4 : 0;
        return taken;
    }

    /// <summary>u32 length, then that many bytes of UTF-8.</summary>
    public bool TryString(out string value)
    {
        value = "";
        if (!TryU32(out var length) || length > NbdProtocol.StringMax || length > data.Length - position)
        {
            return false;
        }

        value = Encoding.UTF8.GetString(data, position, (int)length);
        position += (int)length;
        return true;
    }
}
