namespace OvirtSpm.Node.Api;

/// <summary>What a disk needs as a volume. All in bytes.</summary>
/// <param name="ContentBytes">A qcow2 with everything that is on it.</param>
/// <param name="CowBytes">The LV of a thin volume of it, with room for the guest's first writes.</param>
/// <param name="CowInternalBytes">The same without room: a layer that nobody writes.</param>
/// <param name="CowMaximumBytes">The most that a thin volume of it can grow to.</param>
/// <param name="RawBytes">The LV of a raw volume of it.</param>
public sealed record MeasureReply(long VirtualSizeBytes, long ContentBytes, long CowBytes, long CowInternalBytes, long CowMaximumBytes, long RawBytes);

public sealed record ExportReply(string Volume, string File, string Format);
