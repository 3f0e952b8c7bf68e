namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Numbers of the NBD protocol, fixed newstyle. Everything on the wire is big-endian.</summary>
/// <remarks>Source: doc/proto.md of the NetworkBlockDevice/nbd project.</remarks>
internal static class NbdProtocol
{
    public const ulong InitMagic = 0x4e42444d41474943;
    public const ulong OptionMagic = 0x49484156454F5054;
    public const ulong OptionReplyMagic = 0x0003e889045565a9;
    public const uint RequestMagic = 0x25609513;
    public const uint SimpleReplyMagic = 0x67446698;
    public const uint ChunkMagic = 0x668e33ef;

    /// <summary>Largest payload of one request.</summary>
    public const int PayloadMax = 32 << 20;

    /// <summary>Longest string of the protocol, an export or context name.</summary>
    public const int StringMax = 4096;

    /// <summary>No option we know carries more than an export name and a list of contexts.</summary>
    public const int OptionDataMax = 64 << 10;

    public const string BaseAllocation = "base:allocation";
    public const uint BaseAllocationId = 1;
}

[Flags]
internal enum NbdHandshakeFlags : ushort
{
    FixedNewstyle = 1,
    NoZeroes = 2,
}

internal enum NbdOption : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
}

internal enum NbdOptionReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    Unsupported = 0x80000001,
    Policy = 0x80000002,
    Invalid = 0x80000003,
    Unknown = 0x80000006,
    ShuttingDown = 0x80000007,
    BlockSizeRequired = 0x80000008,
    TooBig = 0x80000009,
}

internal enum NbdInfo : ushort
{
    Export = 0,
    Name = 1,
    Description = 2,
    BlockSize = 3,
}

[Flags]
internal enum NbdTransmissionFlags : ushort
{
    HasFlags = 1,
    ReadOnly = 2,
    SendFlush = 4,
    SendFua = 8,
    SendTrim = 32,
    SendWriteZeroes = 64,
    SendDf = 128,
    CanMultiConn = 256,
    SendFastZero = 2048,
}

internal enum NbdCommand : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
}

/// <summary>Flags of a request.</summary>
[Flags]
public enum NbdCommandFlags : ushort
{
    None = 0,
    ForceUnitAccess = 1,
    NoHole = 2,
    DoNotFragment = 4,
    RequestOne = 8,
    FastZero = 16,
}

internal enum NbdChunk : ushort
{
    None = 0,
    OffsetData = 1,
    BlockStatus = 5,
    Error = 0x8001,
}
