using System.Buffers.Binary;
using System.IO.Compression;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Tests.Qcow2;

/// <summary>An image in memory that counts what is read of it.</summary>
public sealed class MemoryImage(byte[] bytes) : IImageArea
{
    public long SizeBytes => bytes.Length;

    public byte[] Bytes => bytes;

    public long BytesRead { get; private set; }

    public int Reads { get; private set; }

    /// <summary>One of those that Fixtures/qcow2/README.md describes.</summary>
    public static MemoryImage Fixture(string name)
    {
        using var packed = new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Fixtures", "qcow2", name + ".qcow2.gz")), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        packed.CopyTo(plain);
        return new MemoryImage(plain.ToArray());
    }

    public MemoryImage With32(int at, uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);
        return this;
    }

    public MemoryImage With64(int at, ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
        return this;
    }

    public MemoryImage CutTo(int length) => new(bytes[..length]);

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Reads++;
        BytesRead += buffer.Length;
        bytes.AsMemory(checked((int)offsetBytes), buffer.Length).CopyTo(buffer);
        return ValueTask.CompletedTask;
    }
}
