using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Volumes.Journal;

/// <summary>Bytes one after the other, little-endian; kept and used again.</summary>
internal sealed class ByteBuilder
{
    private byte[] _bytes = new byte[4096];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public ByteBuilder U16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);
        return this;
    }

    public ByteBuilder U32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);
        return this;
    }

    public ByteBuilder U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
        return this;
    }

    public ByteBuilder I64(long value) => U64((ulong)value);

    public ByteBuilder Uuid(Guid value)
    {
        value.TryWriteBytes(Take(16), bigEndian: true, out _);
        return this;
    }

    /// <param name="text">ASCII, as names, uuids and tags of LVM are; a tag may have some thousand characters.</param>
    public ByteBuilder Text(string text)
    {
        U16(checked((ushort)text.Length));
        Encoding.ASCII.GetBytes(text, Take(text.Length));
        return this;
    }

    public void PatchU16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(at), value);

    private Span<byte> Take(int count)
    {
        if (Length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + count));
        }

        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
