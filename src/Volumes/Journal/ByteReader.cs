using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Volumes.Journal;

/// <summary>Reads what <see cref="ByteBuilder"/> wrote; beyond the end it gives zeros and remembers that it failed.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public bool Failed { get; private set; }

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public void Demand(bool holds) => Failed |= !holds;

    public ushort U16() => Take(2) is { IsEmpty: false } at ? BinaryPrimitives.ReadUInt16LittleEndian(at) : default;

    public uint U32() => Take(4) is { IsEmpty: false } at ? BinaryPrimitives.ReadUInt32LittleEndian(at) : default;

    public ulong U64() => Take(8) is { IsEmpty: false } at ? BinaryPrimitives.ReadUInt64LittleEndian(at) : default;

    /// <summary>A number of bytes or extents: never negative.</summary>
    public long Count()
    {
        var value = (long)U64();
        Demand(value >= 0);
        return Math.Max(value, 0);
    }

    public Guid Uuid() => Take(16) is { IsEmpty: false } at ? new Guid(at, bigEndian: true) : default;

    public string Text()
    {
        var length = U16();
        var text = length == 0 ? default : Take(length);
        Demand(Ascii.IsValid(text));
        return Failed ? "" : Encoding.ASCII.GetString(text);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            Failed = true;
            _rest = default;
            return default;
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
