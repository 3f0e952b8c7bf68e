using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Node.Linux;

/// <summary>One message of wdmd's socket, either way.</summary>
/// <remarks>
/// 176 bytes, the machine's byte order (little-endian here).
/// <code>
///  0 u32 0   4 u32 command   8 u32 0   12 u32 0   16 u32 test interval, s   20 u32 fire timeout, s
/// 24 u64 last keepalive   32 u64 renewal time   40 u64 expiry time   48 128B name
/// </code>
/// Only <see cref="Status"/> is answered. Times are whole seconds of CLOCK_MONOTONIC. Source: behaviour of wdmd and libwdmd 3.8.5.
/// </remarks>
internal static class WdmdMessage
{
    public const int Bytes = 176;
    public const int NameBytes = 128;
    public const uint Register = 1;
    public const uint Hold = 2;
    public const uint LetGo = 3;
    public const uint Live = 4;
    public const uint Status = 5;

    public static byte[] Of(uint command, ulong renewedAt = 0, ulong expiresAt = 0, string name = "")
    {
        var message = new byte[Bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), command);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(32), renewedAt);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(40), expiresAt);
        // One byte less than fits: wdmd prints it as a C string.
        Encoding.UTF8.GetBytes(name, message.AsSpan(48, NameBytes - 1));
        return message;
    }

    public static TimeSpan TestInterval(ReadOnlySpan<byte> answer) => TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt32LittleEndian(answer[16..]));

    public static TimeSpan FireTimeout(ReadOnlySpan<byte> answer) => TimeSpan.FromSeconds(BinaryPrimitives.ReadUInt32LittleEndian(answer[20..]));
}
