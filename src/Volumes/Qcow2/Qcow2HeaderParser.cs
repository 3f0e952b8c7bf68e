using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Reads a header and refuses what QEMU refuses, before anything is read that the header points to.</summary>
public static class Qcow2HeaderParser
{
    private const uint Magic = 0x514649FB;
    private const int Version2Bytes = 72, Version3Bytes = 104;
    private const int LongestBackingName = 1023, LargestSnapshotCount = 65536;
    private const long LargestL1Bytes = 32 << 20, LargestRefcountTableBytes = 8 << 20;

    /// <param name="bytes">The first bytes of the image: <see cref="Qcow2Header.FirstReadBytes"/>, or all of a shorter one.</param>
    /// <exception cref="Qcow2Refused"/>
    public static Qcow2Header Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 4 || U32(bytes, 0) != Magic)
        {
            // Never probed further: a guest can write the header of any format to its raw disk.
            throw new Qcow2Refused(Qcow2Fault.NotQcow2, "it does not begin with the magic of a qcow2 image; a raw image ends where its file ends");
        }
        Need(bytes, 8);
        var version = U32(bytes, 4);
        if (version is not (2 or 3))
        {
            throw new Qcow2Refused(Qcow2Fault.UnknownVersion, $"its version is {version}; 2 and 3 are known");
        }
        Need(bytes, version == 2 ? Version2Bytes : Version3Bytes);
        var clusterBits = U32(bytes, 20);
        if (clusterBits is < 9 or > 21)
        {
            throw new Qcow2Refused(Qcow2Fault.BadClusterSize, $"its clusters would have 2^{clusterBits} bytes; 2^9 to 2^21 are possible");
        }
        var header = new Qcow2Header
        {
            Version = (int)version,
            HeaderLengthBytes = version == 2 ? Version2Bytes : HeaderLength(U32(bytes, 100), 1 << (int)clusterBits),
            ClusterBits = (int)clusterBits,
            VirtualSizeBytes = Place(bytes, 24, Qcow2Fault.BadVirtualSize, "virtual size"),
            Encryption = (Qcow2Encryption)U32(bytes, 32),
            Compression = Qcow2Compression.Zlib,
            BackingNameOffset = Place(bytes, 8, Qcow2Fault.BadHeader, "offset of the backing file's name"),
            BackingNameLength = BackingLength(bytes, 1 << (int)clusterBits),
            L1Offset = Place(bytes, 40, Qcow2Fault.BadTable, "offset of the L1 table"),
            L1Entries = Count(U32(bytes, 36), LargestL1Bytes / 8, "L1 table", "entries"),
            RefcountTableOffset = Place(bytes, 48, Qcow2Fault.BadTable, "offset of the refcount table"),
            RefcountTableClusters = Count(U32(bytes, 56), LargestRefcountTableBytes >> (int)clusterBits, "refcount table", "clusters"),
            RefcountOrder = version == 2 ? 4 : (int)Math.Min(U32(bytes, 96), 255),
            Snapshots = Count(U32(bytes, 60), LargestSnapshotCount, "snapshot table", "snapshots"),
            SnapshotTableOffset = Place(bytes, 64, Qcow2Fault.BadTable, "offset of the snapshot table"),
            Incompatible = version == 2 ? Qcow2Incompatible.None : (Qcow2Incompatible)U64(bytes, 72),
            Compatible = version == 2 ? Qcow2Compatible.None : (Qcow2Compatible)U64(bytes, 80),
            Autoclear = version == 2 ? Qcow2Autoclear.None : (Qcow2Autoclear)U64(bytes, 88),
        };
        header = header with { Compression = Compression(header, bytes) };
        Check(header);
        return header;
    }

    private static void Check(Qcow2Header header)
    {
        if ((header.Incompatible & ~Qcow2Incompatible.Known) is var unknown and not 0)
        {
            throw new Qcow2Refused(Qcow2Fault.UnknownFeature, $"it has incompatible features this program does not know (mask {(ulong)unknown:x}); its bytes may mean something else");
        }
        if (header.RefcountOrder > 6)
        {
            throw new Qcow2Refused(Qcow2Fault.BadRefcountWidth, $"its refcounts would have 2^{header.RefcountOrder} bits; 64 is the most");
        }
        if (header.HasExtendedL2 && header.ClusterBits < 14)
        {
            throw new Qcow2Refused(Qcow2Fault.BadClusterSize, $"extended L2 entries need clusters of 16 KiB at least, it has {header.ClusterBytes} bytes");
        }
        if (!Enum.IsDefined(header.Encryption))
        {
            throw new Qcow2Refused(Qcow2Fault.BadEncryption, $"encryption method {(uint)header.Encryption} is not known");
        }
        if (header.RefcountTableClusters == 0)
        {
            throw new Qcow2Refused(Qcow2Fault.BadTable, "it has no refcount table");
        }
        foreach (var (offset, what) in new[] { (header.L1Offset, "L1"), (header.RefcountTableOffset, "refcount"), (header.SnapshotTableOffset, "snapshot") })
        {
            if (!header.IsOnCluster(offset) && !(what == "snapshot" && header.Snapshots == 0) && !(what == "L1" && header.L1Entries == 0))
            {
                throw new Qcow2Refused(Qcow2Fault.BadTable, $"the {what} table at {offset} does not begin on a cluster");
            }
        }
        if (header.NeededL1Entries > header.L1Entries)
        {
            throw new Qcow2Refused(Qcow2Fault.BadVirtualSize, $"a virtual size of {header.VirtualSizeBytes} bytes needs an L1 table of {header.NeededL1Entries} entries, it has {header.L1Entries}");
        }
    }

    private static Qcow2Compression Compression(Qcow2Header header, ReadOnlySpan<byte> bytes)
    {
        var type = header.HeaderLengthBytes > Version3Bytes && bytes.Length > Version3Bytes ? bytes[Version3Bytes] : (byte)0;
        var declared = header.Incompatible.HasFlag(Qcow2Incompatible.CompressionType);
        if (type > (byte)Qcow2Compression.Zstd || declared == (type == 0))
        {
            throw new Qcow2Refused(Qcow2Fault.BadCompression, $"compression type {type} does not go with its feature bit, which is {(declared ? "set" : "not set")}");
        }
        return (Qcow2Compression)type;
    }

    private static int HeaderLength(uint length, int clusterBytes) => length >= Version3Bytes && length <= clusterBytes && length % 8 == 0
        ? (int)length
        : throw new Qcow2Refused(Qcow2Fault.BadHeader, $"a header of {length} bytes is not possible in clusters of {clusterBytes}");

    private static int BackingLength(ReadOnlySpan<byte> bytes, int clusterBytes)
    {
        var (offset, length) = (U64(bytes, 8), U32(bytes, 16));
        if (offset == 0)
        {
            return 0;
        }
        return offset <= (ulong)clusterBytes && length <= Math.Min(LongestBackingName, (ulong)clusterBytes - offset)
            ? (int)length
            : throw new Qcow2Refused(Qcow2Fault.BadHeader, $"the backing file's name ({length} bytes at {offset}) does not lie in the first cluster");
    }

    private static int Count(uint value, long most, string what, string unit) => value <= most
        ? (int)value
        : throw new Qcow2Refused(Qcow2Fault.BadTable, $"the {what} would have {value} {unit}; {most} is the most");

    private static long Place(ReadOnlySpan<byte> bytes, int at, Qcow2Fault fault, string what) => U64(bytes, at) is <= long.MaxValue and var value
        ? (long)value
        : throw new Qcow2Refused(fault, $"the {what} is impossible: {U64(bytes, at):x}");

    private static void Need(ReadOnlySpan<byte> bytes, int length)
    {
        if (bytes.Length < length)
        {
            throw new Qcow2Refused(Qcow2Fault.Truncated, $"it has {bytes.Length} bytes, less than its header needs");
        }
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);
}
