using System.Text.Json.Serialization;

namespace OvirtSpm.Node.Api;

/// <summary>What a disk needs as a volume. All in bytes.</summary>
/// <param name="ContentBytes">A qcow2 with everything that is on it.</param>
/// <param name="CowBytes">The LV of a thin volume of it, with room for the guest's first writes.</param>
/// <param name="CowInternalBytes">The same without room: a layer that nobody writes.</param>
/// <param name="CowMaximumBytes">The most that a thin volume of it can grow to.</param>
/// <param name="RawBytes">The LV of a raw volume of it.</param>
public sealed record MeasureReply(long VirtualSizeBytes, long ContentBytes, long CowBytes, long CowInternalBytes, long CowMaximumBytes, long RawBytes);

public sealed record ExportReply(string Volume, string File, string Format);

/// <summary>Announces a disk that is going to be sent.</summary>
/// <param name="SizeBytes">Of the disk as the guest sees it. Every one of these bytes has to come, and none behind them is taken.</param>
/// <param name="Volume">What becomes of it; a larger virtual size reads as zeros behind.</param>
public sealed record UploadRequest(long SizeBytes, CreateVolumeRequest Volume);

/// <summary>A disk that is sent to or read from the SPM, as bytes of the disk itself whatever the volume's format.</summary>
/// <param name="Transfer">Its task's id, too.</param>
/// <param name="State">Of the task.</param>
/// <param name="Missing">The first ranges of an upload that have not come.</param>
public sealed record TransferReply(
    string Transfer, string Kind, string Volume, string State, long SizeBytes, long ReceivedBytes, IReadOnlyList<RangeReply> Missing);

public sealed record RangeReply(long Start, long Length);

/// <param name="Zero">Reads as zeros, and need not be read.</param>
public sealed record ExtentReply(long Start, long Length, bool Zero);

/// <summary>A change of an upload without data.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "op")]
[JsonDerivedType(typeof(Zero), "zero")]
[JsonDerivedType(typeof(FlushAll), "flush")]
public abstract record UploadChange
{
    public sealed record Zero(long Offset, long Size, bool Flush = false) : UploadChange;

    public sealed record FlushAll : UploadChange;
}
