using System.Buffers.Binary;
using System.Text;
using OvirtSpm.Node.Activation.Mapped;

namespace OvirtSpm.Node.Linux;

/// <summary>What goes to <c>/dev/mapper/control</c> and comes back: a header, then targets or names.</summary>
/// <remarks><code>
/// dm_ioctl        0 u32 version[3]   12 u32 data size (all of it)   16 u32 data start   20 u32 target count   24 i32 open count
///                28 u32 flags   32 u32 event (udev's cookie)   40 u64 device   48 128B name   176 129B uuid   312 end
/// dm_target_spec  0 u64 start   8 u64 length   16 i32 status   20 u32 next   24 16B type   40 end, then parameters with a zero
/// dm_name_list    0 u64 device   8 u32 next (from this entry; 0: the last)   12 name with a zero
///                from the next multiple of 8: 0 u32 event   4 u32 flags   8 uuid with a zero
/// </code>In a table that is loaded "next" counts from that target, in one that is read from the first.
/// Source: linux/dm-ioctl.h, checked by DeviceMapperAbiTests.</remarks>
internal static class DeviceMapperMessage
{
    public const int HeaderBytes = 312, TargetBytes = 40, NameBytes = 128, UuidBytes = 129, TypeBytes = 16;
    public const int SizeAt = 12, StartAt = 16, CountAt = 20, OpenAt = 24, FlagsAt = 28, EventAt = 32, DeviceAt = 40, NameAt = 48, UuidAt = 176;
    public const int TargetLengthAt = 8, TargetNextAt = 20, TargetTypeAt = 24, ListNextAt = 8, ListNameAt = 12, ListFlagsAt = 4, ListUuidAt = 8;

    public const uint ReadOnly = 1, Suspended = 2, StatusTable = 16, ActivePresent = 32, InactivePresent = 64, BufferFull = 256, SkipLockFs = 1024, NoFlush = 2048, DeferredRemove = 1 << 17;

    public const uint ListHasUuid = 1, ListHasNoUuid = 2;

    /// <summary>The version that every kernel since 2.6 accepts; what is newer here is only used where the kernel has it.</summary>
    private const int Major = 4, Minor = 0;

    /// <param name="room">For the answer, at least.</param>
    public static byte[] Build(string name, string uuid, uint flags, uint cookie, IReadOnlyList<MapTarget> targets, int room)
    {
        var body = targets.Sum(target => TargetSize(target));
        var message = new byte[HeaderBytes + Math.Max(body, room)];
        var header = message.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Major);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Minor);
        BinaryPrimitives.WriteInt32LittleEndian(header[SizeAt..], message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header[StartAt..], HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[CountAt..], targets.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(header[FlagsAt..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(header[EventAt..], cookie);
        Text(header.Slice(NameAt, NameBytes), name);
        Text(header.Slice(UuidAt, UuidBytes), uuid);
        var at = HeaderBytes;
        foreach (var target in targets)
        {
            var spec = header[at..];
            BinaryPrimitives.WriteInt64LittleEndian(spec, target.StartSector);
            BinaryPrimitives.WriteInt64LittleEndian(spec[TargetLengthAt..], target.LengthSectors);
            BinaryPrimitives.WriteInt32LittleEndian(spec[TargetNextAt..], TargetSize(target));
            Text(spec.Slice(TargetTypeAt, TypeBytes), target.Type);
            Encoding.ASCII.GetBytes(target.Parameters, spec[TargetBytes..]);
            at += TargetSize(target);
        }
        return message;
    }

    public static uint Flags(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadUInt32LittleEndian(message[FlagsAt..]);

    /// <summary>Of the answer to a table's status.</summary>
    public static MapState State(ReadOnlySpan<byte> message, IReadOnlyList<MapTarget> live)
    {
        var flags = Flags(message);
        var device = BinaryPrimitives.ReadUInt64LittleEndian(message[DeviceAt..]);
        return new MapState(
            Text(message.Slice(NameAt, NameBytes)), Text(message.Slice(UuidAt, UuidBytes)), $"{MajorOf(device)}:{MinorOf(device)}",
            BinaryPrimitives.ReadInt32LittleEndian(message[OpenAt..]), (flags & Suspended) != 0, (flags & ReadOnly) != 0,
            (flags & ActivePresent) != 0, (flags & InactivePresent) != 0, live);
    }

    public static List<MapTarget> Targets(ReadOnlySpan<byte> message)
    {
        var targets = new List<MapTarget>();
        var count = BinaryPrimitives.ReadInt32LittleEndian(message[CountAt..]);
        var body = message[BinaryPrimitives.ReadInt32LittleEndian(message[StartAt..])..];
        for (var (i, at) = (0, 0); i < count; i++)
        {
            var spec = body[at..];
            targets.Add(new MapTarget(
                BinaryPrimitives.ReadInt64LittleEndian(spec), BinaryPrimitives.ReadInt64LittleEndian(spec[TargetLengthAt..]),
                Text(spec.Slice(TargetTypeAt, TypeBytes)), Text(spec[TargetBytes..])));
            at = BinaryPrimitives.ReadInt32LittleEndian(spec[TargetNextAt..]);
        }
        return targets;
    }

    /// <returns>A null uuid: this kernel does not say (5.12 and later do); an empty one: the map has none.</returns>
    public static List<(string Name, string? Uuid)> Names(ReadOnlySpan<byte> message)
    {
        var names = new List<(string, string?)>();
        var (from, to) = (BinaryPrimitives.ReadInt32LittleEndian(message[StartAt..]), BinaryPrimitives.ReadInt32LittleEndian(message[SizeAt..]));
        var list = message[from..Math.Max(from, Math.Min(to, message.Length))];
        // A list without entries is one entry without a device.
        while (list.Length > ListNameAt && BinaryPrimitives.ReadUInt64LittleEndian(list) != 0)
        {
            var next = BinaryPrimitives.ReadInt32LittleEndian(list[ListNextAt..]);
            var entry = next == 0 ? list : list[..next];
            var name = Text(entry[ListNameAt..]);
            names.Add((name, UuidBehind(entry[Math.Min(entry.Length, Aligned(ListNameAt + name.Length + 1))..])));
            if (next == 0)
            {
                break;
            }
            list = list[next..];
        }
        return names;
    }

    private static string? UuidBehind(ReadOnlySpan<byte> entry)
    {
        var flags = entry.Length < ListUuidAt ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(entry[ListFlagsAt..]);
        return (flags & ListHasUuid) != 0 ? Text(entry[ListUuidAt..]) : (flags & ListHasNoUuid) != 0 ? "" : null;
    }

    /// <summary>The kernel writes device numbers in 64 bits as it did in 32: minor 0–7, major 8–19, the rest of minor above.</summary>
    public static uint MajorOf(ulong device) => (uint)(device >> 8) & 0xfff;

    public static uint MinorOf(ulong device) => (uint)((device & 0xff) | ((device >> 12) & 0xfff00));

    /// <summary>Each target begins at a multiple of 8.</summary>
    private static int TargetSize(MapTarget target) => Aligned(TargetBytes + target.Parameters.Length + 1);

    private static int Aligned(int bytes) => (bytes + 7) & ~7;

    private static void Text(Span<byte> place, string text)
    {
        if (text.Length >= place.Length)
        {
            throw new IOException($"'{text}' is too long for device-mapper: {place.Length - 1} characters at most.");
        }
        Encoding.ASCII.GetBytes(text, place);
    }

    private static string Text(ReadOnlySpan<byte> place) => Encoding.ASCII.GetString(place.IndexOf((byte)0) is var end and >= 0 ? place[..end] : place);
}
