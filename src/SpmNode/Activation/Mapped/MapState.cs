namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>What the kernel says of one map.</summary>
/// <param name="Number"><c>MAJOR:MINOR</c> of the device that it is.</param>
/// <param name="HasLive">False between its creation and the first resume.</param>
/// <param name="HasInactive">A table was loaded that no resume has made live.</param>
/// <param name="Live">Empty without a live table.</param>
internal sealed record MapState(
    string Name, string Uuid, string Number, int OpenCount, bool IsSuspended, bool ReadOnly, bool HasLive, bool HasInactive, IReadOnlyList<MapTarget> Live);
