using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>What was found in one metadata area.</summary>
/// <param name="PvIndex">Index into the areas that were read.</param>
/// <param name="PvName">How people call that device.</param>
/// <param name="AreaOffsetBytes">Start of the metadata area, where its header is.</param>
/// <param name="AreaSizeBytes">Size of the area, header included.</param>
/// <param name="State">What to think of it.</param>
/// <param name="Location">What slot 0 says; null when the header is not believed.</param>
/// <param name="Version">Of its text, when that is believed.</param>
/// <param name="Text">The raw text without its closing NUL; empty when it is not believed.</param>
public sealed record CopyReport(
    int PvIndex,
    string PvName,
    long AreaOffsetBytes,
    long AreaSizeBytes,
    CopyState State,
    TextLocation? Location,
    MetadataVersion? Version,
    ReadOnlyMemory<byte> Text)
{
    /// <summary>State, place and reason in words.</summary>
    public string Describe() =>
        $"{PvName}: metadata area at byte {AreaOffsetBytes} (sector {AreaOffsetBytes / 512}): {State.Describe()}";
}
