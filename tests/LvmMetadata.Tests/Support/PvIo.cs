namespace LvmMetadata.Tests.Support;

public enum PvIoKind
{
    Read,
    Write,
    Flush,
}

public sealed record PvIo(PvIoKind Kind, long Offset, int Length, byte[] Data);
